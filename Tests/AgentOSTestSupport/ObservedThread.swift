// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A thread of this process, seen by another one.
///
/// That a thread has gone to sleep in a call is an event to wait for, where the call itself tells nobody.
package struct ObservedThread: Sendable, Equatable {
    /// The system calls in which threads of the library, and of its tests, sleep.
    package enum Sleep: Sendable {
        case onWord, onDescriptors, onEvents, inRead

        #if arch(x86_64)
            fileprivate var numbers: [Int] {
                switch self {
                case .onWord: [202]
                case .onDescriptors: [7, 271]
                case .onEvents: [232, 281]
                case .inRead: [0]
                }
            }
        #elseif arch(arm64)
            fileprivate var numbers: [Int] {
                switch self {
                case .onWord: [98]
                case .onDescriptors: [73]
                case .onEvents: [22]
                case .inRead: [63]
                }
            }
        #endif
    }

    private let number: String

    package static var current: ObservedThread? {
        var buffer = [CChar](repeating: 0, count: 256)
        let count = readlink("/proc/thread-self", &buffer, buffer.count)
        let path = String(decoding: buffer.prefix(max(count, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return path.split(separator: "/").last.map { ObservedThread(number: String($0)) }
    }

    /// Those of this process that bear a name.
    package static func named(_ name: String) -> [ObservedThread] {
        let all = (try? folder("/proc/self/task")) ?? []
        return all.map { ObservedThread(number: $0) }.filter { $0.text("comm") == name + "\n" }
    }

    private func text(_ file: String) -> String? {
        (try? readFile("/proc/self/task/\(number)/\(file)")).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A number that ended may be given out again, but not soon.
    package var isThere: Bool { text("comm") != nil }

    /// Whether it sleeps in that call at this moment. One that runs is in none.
    package func sleeps(_ sleep: Sleep) -> Bool {
        guard let call = text("syscall")?.split(separator: " ").first else { return false }
        return sleep.numbers.contains { String($0) == call }
    }
}
