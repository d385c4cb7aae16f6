// SPDX-License-Identifier: Apache-2.0

/// First in, first out, without moving what stays. Public for the reason that `Lock` is.
public struct Fifo<Element: Sendable>: Sendable {
    @usableFromInline var elements: [Element?] = []
    @usableFromInline var head = 0

    @inlinable public init() {}

    @inlinable public var isEmpty: Bool { head == elements.count }

    @inlinable public var first: Element? { head < elements.count ? elements[head] : nil }

    @inlinable public mutating func append(_ element: Element) { elements.append(element) }

    @inlinable public mutating func popFirst() -> Element? {
        guard head < elements.count, let element = elements[head] else { return nil }
        elements[head] = nil
        head += 1
        compact()
        return element
    }

    @inlinable public mutating func removeFirst(_ count: Int) -> [Element] {
        var taken: [Element] = []
        while taken.count < count, head < elements.count {
            if let element = elements[head] { taken.append(element) }
            elements[head] = nil
            head += 1
        }
        compact()
        return taken
    }

    @inlinable public mutating func removeFirst(where isWanted: (Element) -> Bool) -> Element? {
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

    /// Puts something else in the place of the first such element, or takes it out where that is nil. False where there
    /// is none.
    @inlinable public mutating func replaceFirst(
        where isWanted: (Element) -> Bool,
        by replacement: (Element) -> Element?
    ) -> Bool {
        for index in head..<elements.count {
            guard let element = elements[index], isWanted(element) else { continue }
            if let new = replacement(element) {
                elements[index] = new
            } else {
                _ = removeFirst(where: isWanted)
            }
            return true
        }
        return false
    }

    /// The elements, the first in front.
    @inlinable public var all: [Element] { elements[head...].compactMap { $0 } }

    @inlinable public mutating func removeAll() -> [Element] {
        defer { (elements, head) = ([], 0) }
        return all
    }

    @usableFromInline mutating func compact() {
        if head == elements.count {
            elements.removeAll(keepingCapacity: head <= 4096)
            head = 0
        } else if head > 1024, head > elements.count / 2 {
            elements.removeFirst(head)
            head = 0
        }
    }
}
