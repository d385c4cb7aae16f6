// SPDX-License-Identifier: Apache-2.0

/// First in, first out, without moving what stays.
package struct Fifo<Element: Sendable>: Sendable {
    private var elements: [Element?] = []
    private var head = 0

    package init() {}

    package var isEmpty: Bool { head == elements.count }

    package mutating func append(_ element: Element) { elements.append(element) }

    package mutating func popFirst() -> Element? {
        guard head < elements.count, let element = elements[head] else { return nil }
        elements[head] = nil
        head += 1
        compact()
        return element
    }

    package mutating func removeFirst(_ count: Int) -> [Element] {
        var taken: [Element] = []
        while taken.count < count, head < elements.count {
            if let element = elements[head] { taken.append(element) }
            elements[head] = nil
            head += 1
        }
        compact()
        return taken
    }

    package mutating func removeFirst(where isWanted: (Element) -> Bool) -> Element? {
        for index in head..<elements.count {
            guard let element = elements[index], isWanted(element) else { continue }
            if index == head {
                elements[head] = nil
                head += 1
                compact()
            } else {
                elements.remove(at: index)
            }
            return element
        }
        return nil
    }

    /// The elements, the first in front.
    package var all: [Element] { elements[head...].compactMap { $0 } }

    package mutating func removeAll() -> [Element] {
        defer { (elements, head) = ([], 0) }
        return all
    }

    private mutating func compact() {
        if head == elements.count {
            elements.removeAll(keepingCapacity: head <= 4096)
            head = 0
        } else if head > 1024, head > elements.count / 2 {
            elements.removeFirst(head)
            head = 0
        }
    }
}
