// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import Synchronization

/// A sidecar as hosts see it: the client's handle, and the key under which they know it.
package final class SidecarObject: Sendable {
    private static let counter: Atomic<UInt64> = Atomic(0)
    private static let sharedObjects: ForkLocal<SharedObjects> = ForkLocal { SharedObjects() }

    /// The objects of pool handles that some host knows.
    private final class SharedObjects: Sendable {
        let entries: Lock<[ObjectIdentifier: (object: SidecarObject, key: OpaquePointerBits)]> = Lock([:])
    }

    /// A key as a number: pointers are not `Sendable`.
    struct OpaquePointerBits: Sendable {
        let bits: UInt
        var pointer: OpaquePointer? { OpaquePointer(bitPattern: bits) }
    }

    let client: Sidecar
    /// Names the sidecar to the check whether a call would wait for itself.
    let serial: UInt64 = SidecarObject.counter.add(1, ordering: .relaxed).newValue
    let isShared: Bool
    private let releasedFlag: Atomic<Bool> = Atomic(false)

    init(_ client: Sidecar, isShared: Bool) {
        self.client = client
        self.isShared = isShared
    }

    /// One key for all hosts of a pool's handle, with one more reference.
    static func share(_ client: Sidecar) -> OpaquePointer? {
        sharedObjects.current.entries.withLock { entries in
            let id = ObjectIdentifier(client)
            if let entry = entries[id], Handles.sidecars.retain(entry.key.pointer) {
                return entry.key.pointer
            }
            let object = entries[id]?.object ?? SidecarObject(client, isShared: true)
            // Disposed ones are in no pool any more: nobody asks for them again.
            entries = entries.filter { !$0.value.object.client.isDisposed }
            guard let key = Handles.sidecars.publish(object) else { return nil }
            entries[id] = (object, OpaquePointerBits(bits: UInt(bitPattern: key)))
            return key
        }
    }

    /// No host can name it any more.
    var isReleased: Bool { releasedFlag.load(ordering: .sequentiallyConsistent) }

    /// The last reference of a host is gone. A pool's handle can be had again.
    func released() {
        guard !isShared else { return }
        releasedFlag.store(true, ordering: .sequentiallyConsistent)
        Operation.forgetUntaken(of: self)
        client.dispose.run(StepRun()) { _ in }
    }
}
