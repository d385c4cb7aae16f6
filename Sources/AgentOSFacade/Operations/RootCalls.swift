// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import CAgentOS

/// What the exports do with roots and layers.
enum Roots {
    typealias Document = (text: UnsafePointer<CChar>?, len: Int)

    static func snapshot(_ vm: aos_id, _ object: SidecarObject) throws(ClientError) -> Prepared<String> {
        let vm = try Identifiers.vm(vm, of: object)
        return Prepared(vm, vm.snapshotJSON)
    }

    static func bootstrap(
        _ vm: aos_id,
        _ object: SidecarObject,
        _ document: Document
    ) throws(ClientError) -> Prepared<Int32> {
        let vm = try Identifiers.vm(vm, of: object)
        let text = try Arguments.text(document.text, document.len, "export_json")
        return Prepared(vm, bytes: text.utf8.count, try vm.bootstrap(document: text).map { Int32($0) })
    }

    /// A new layer under an id of its own.
    private static func named(
        _ vm: VM,
        _ object: SidecarObject,
        _ steps: Steps<Layer>
    ) -> Prepared<aos_id> {
        Prepared(
            vm,
            steps.map { layer throws(ClientError) in
                guard let id = Identifiers.current.layers.add(LayerObject(layer, vm, object)) else {
                    throw ClientError(.noMemory, "too many layers")
                }
                vm.shutDown.whenSet { Identifiers.current.layers.remove(id) }
                return id
            }
        )
    }

    static func layer(
        _ vm: aos_id,
        _ object: SidecarObject,
        _ steps: (VM) -> Steps<Layer>
    ) throws(ClientError) -> Prepared<aos_id> {
        let vm = try Identifiers.vm(vm, of: object)
        return named(vm, object, steps(vm))
    }

    static func imported(
        _ vm: aos_id,
        _ object: SidecarObject,
        _ document: Document
    ) throws(ClientError) -> Prepared<aos_id> {
        let vm = try Identifiers.vm(vm, of: object)
        let text = try Arguments.text(document.text, document.len, "export_json")
        return named(vm, object, try vm.importSnapshot(document: text))
    }

    static func seal(_ layer: aos_id, _ object: SidecarObject) throws(ClientError) -> Prepared<aos_id> {
        let known = try Identifiers.layer(layer, of: object)
        return named(
            known.vm,
            object,
            known.vm.seal(known.layer).map { sealed in
                Identifiers.current.layers.remove(layer)
                return sealed
            }
        )
    }

    static func exported(_ layer: aos_id, _ object: SidecarObject) throws(ClientError) -> Prepared<String> {
        let known = try Identifiers.layer(layer, of: object)
        return Prepared(known.vm, known.vm.exportJSON(known.layer))
    }

    static func overlay(
        _ vm: aos_id,
        _ object: SidecarObject,
        _ flags: UInt32,
        _ upper: aos_id,
        _ lowers: UnsafePointer<aos_id>?,
        _ count: Int
    ) throws(ClientError) -> Prepared<aos_id> {
        let vm = try Identifiers.vm(vm, of: object)
        let readOnly = try Arguments.flags(flags, known: AOS_LAYER_READ_ONLY) != 0
        let count = try Arguments.count(count, upTo: 65_536, "count")
        if count > 0, lowers == nil { throw .invalid("lowers: must not be NULL") }
        func ours(_ id: aos_id) throws(ClientError) -> Layer {
            let known = try Identifiers.layer(id, of: object)
            guard known.vm === vm else { throw .invalid("layer: it is of another VM: \(id)") }
            return known.layer
        }
        var layers: [Layer] = []
        for index in 0..<count { if let lowers { layers.append(try ours(lowers[index])) } }
        let top = upper == 0 ? nil : try ours(upper)
        return named(vm, object, vm.createOverlay(readOnly: readOnly, upper: top, lowers: layers))
    }
}
