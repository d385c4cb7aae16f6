// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import CAgentOSShims

/// The tables of the four types of handles.
enum Handles {
    static let sidecars: HandleTable<SidecarObject> = HandleTable(type: 0)
    static let queues: HandleTable<EventQueue> = HandleTable(type: 1)
    static let errors: HandleTable<ErrorObject> = HandleTable(type: 2)
    static let bytes: HandleTable<BytesObject> = HandleTable(type: 3)

    /// Runs once: what a forked child does before its `fork` returns.
    static let forkPreparation: Void = ForkGeneration.register(
        ForkGeneration.Handlers(
            prepare: {},
            parent: {},
            child: {
                aos_shim_close_all_in_child()
                aos_shim_doorbell_forget_all()
            }
        )
    )

    private static func object<Object>(
        _ table: HandleTable<Object>,
        _ key: OpaquePointer?,
        _ name: StaticString
    ) throws(ClientError) -> Object {
        guard key != nil else { throw .invalid("\(name): must not be NULL") }
        switch table.find(key) {
        case .object(let object): return object
        case .forked: throw ClientError(.forked, "\(name) handle belongs to another process")
        case .nothing: throw ClientError(.stale, "\(name): not a live handle")
        }
    }

    static func sidecar(_ key: OpaquePointer?) throws(ClientError) -> SidecarObject {
        try object(sidecars, key, "sidecar")
    }

    static func queue(_ key: OpaquePointer?) throws(ClientError) -> EventQueue {
        try object(queues, key, "queue")
    }

    /// A handle for the host, or the error that there is none left.
    static func publish(_ block: ByteBlock?, credit: Credit? = nil) throws(ClientError) -> OpaquePointer {
        guard let block, let key = bytes.publish(BytesObject(block, credit)) else {
            throw ClientError(.noMemory, "out of memory")
        }
        return key
    }

    static func publish(text: String) throws(ClientError) -> OpaquePointer {
        try publish(ByteBlock.text(text))
    }
}
