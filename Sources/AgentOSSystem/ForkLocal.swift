// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// One object a process: a forked child makes its own and never touches its parent's, whose locks may be
/// held.
package final class ForkLocal<Object: AnyObject & Sendable>: Sendable {
    private final class Entry: Sendable {
        let generation: UInt32
        let object: Object
        init(_ generation: UInt32, _ object: Object) {
            self.generation = generation
            self.object = object
        }
    }

    /// The address of a retained `Entry`. Entries are never freed: one per fork is all there ever is.
    private let address: Atomic<UInt> = Atomic(0)
    private let make: @Sendable () -> Object

    package init(_ make: @escaping @Sendable () -> Object) { self.make = make }

    package var current: Object {
        let generation = ForkGeneration.current
        var seen = address.load(ordering: .acquiring)
        while true {
            if let entry = Self.entry(seen), entry.generation == generation { return entry.object }
            let made = Unmanaged.passRetained(Entry(generation, make()))
            let (exchanged, original) = address.compareExchange(
                expected: seen,
                desired: UInt(bitPattern: made.toOpaque()),
                ordering: .acquiringAndReleasing
            )
            if exchanged { return made.takeUnretainedValue().object }
            made.release()
            seen = original
        }
    }

    private static func entry(_ address: UInt) -> Entry? {
        UnsafeRawPointer(bitPattern: address).map { Unmanaged<Entry>.fromOpaque($0).takeUnretainedValue() }
    }
}
