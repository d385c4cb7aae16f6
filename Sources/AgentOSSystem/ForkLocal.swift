// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// One object a process: a forked child makes its own and never touches its parent's, whose locks may be
/// held.
package final class ForkLocal<Object: AnyObject & Sendable>: Sendable {
    /// The address of a retained `Entry`. Entries are never freed: one per fork is all there ever is.
    private let address: Atomic<UInt> = Atomic(0)
    private let make: @Sendable () -> Object

    package init(_ make: @escaping @Sendable () -> Object) { self.make = make }

    package var current: Object {
        let generation = ForkGeneration.current
        var seen = address.load(ordering: .acquiring)
        while true {
            if let entry = Self.entry(seen), entry.generation == generation { return object(entry) }
            let made = Unmanaged.passRetained(ForkEntry(generation, make()))
            let (exchanged, original) = address.compareExchange(
                expected: seen,
                desired: UInt(bitPattern: made.toOpaque()),
                ordering: .acquiringAndReleasing
            )
            if exchanged { return object(made.takeUnretainedValue()) }
            made.release()
            seen = original
        }
    }

    private static func entry(_ address: UInt) -> ForkEntry? {
        UnsafeRawPointer(bitPattern: address).map {
            Unmanaged<ForkEntry>.fromOpaque($0).takeUnretainedValue()
        }
    }

    /// Only what `make` made is ever in an entry of this one.
    private func object(_ entry: ForkEntry) -> Object { unsafeDowncast(entry.object, to: Object.self) }
}

/// Not a part of the generic type, of which the runtime would look up the metadata at every look.
private final class ForkEntry: Sendable {
    let generation: UInt32
    let object: any AnyObject & Sendable

    init(_ generation: UInt32, _ object: any AnyObject & Sendable) {
        self.generation = generation
        self.object = object
    }
}
