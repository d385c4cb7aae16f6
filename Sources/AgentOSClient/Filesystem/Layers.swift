// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// A layer of a VM (filesystem.md 9.4). Which kind it is must be known here: sealing one that is not writable
/// destroys it, and is refused by the sidecar only behind that.
package final class Layer: Sendable {
    enum Kind: Sendable { case writable, snapshot, overlay, sealed }

    let name: String
    private let kind: Lock<Kind>
    private let isUpper: Lock<Bool> = Lock(false)

    init(_ name: String, _ kind: Kind) {
        self.name = name
        self.kind = Lock(kind)
    }

    /// Nobody else may seal it from here on.
    func beginSealing() throws(ClientError) {
        guard !isUpper.withLock({ $0 }) else {
            throw .invalid("the layer is the upper of an overlay, which the sidecar would destroy with it")
        }
        let before = kind.withLock { kind in
            defer { if kind == .writable { kind = .sealed } }
            return kind
        }
        guard before == .writable else { throw .invalid("layer \(name) is not writable") }
    }

    /// It is what an overlay writes into, from here on.
    func becomeUpper() { isUpper.withLock { $0 = true } }

    /// It was not sealed after all.
    func undoSealing() { kind.withLock { $0 = .writable } }
}

extension VM {
    private func layerRequest(
        _ payload: RequestPayload,
        _ kind: Layer.Kind,
        _ name: @escaping @Sendable (ResponsePayload) -> String?
    ) -> Steps<Layer> {
        request(payload) { body in
            guard case .payload(let response) = body else { return nil }
            return name(response).map { Layer($0, kind) }
        }
    }

    /// A new layer to write into; nothing can be written there but by sealing what it is.
    package var createLayer: Steps<Layer> {
        layerRequest(.createLayer(CreateLayerRequest()), .writable) { response in
            if case .layerCreated(let created) = response { return created.layerId }
            return nil
        }.during("createLayer")
    }

    /// A snapshot of a writable layer, which is gone with that.
    package func seal(_ layer: Layer) -> Steps<Layer> {
        Steps<Layer>.operation("sealLayer") { [self] () throws(ClientError) in
            try layer.beginSealing()
            return layerRequest(.sealLayer(SealLayerRequest(layerId: layer.name)), .snapshot) { response in
                if case .layerSealed(let sealed) = response { return sealed.layerId }
                return nil
            }.recover { error throws(ClientError) in
                if error.kind == .disposed || error.kind == .busy { layer.undoSealing() }
                throw error
            }
        }
    }

    /// A snapshot layer from an export.
    package func importSnapshot(document: String) throws(ClientError) -> Steps<Layer> {
        let entries = try RootFilesystem.entries(export: document)
        let request = ImportSnapshotRequest(entries: entries)
        return layerRequest(.importSnapshot(request), .snapshot) { response in
            if case .snapshotImported(let imported) = response { return imported.layerId }
            return nil
        }.during("importSnapshot")
    }

    /// What a layer holds, as an export.
    package func exportJSON(_ layer: Layer) -> Steps<String> {
        request(.exportSnapshot(ExportSnapshotRequest(layerId: layer.name))) { body in
            if case .payload(.snapshotExported(let exported)) = body { return exported.entries }
            return nil
        }.map { (entries: [RootFilesystemEntry]) throws(ClientError) in
            try RootFilesystem.exportJSON(entries)
        }.during("exportSnapshot")
    }

    /// A composition of layers, the one with precedence first.
    package func createOverlay(
        readOnly: Bool,
        upper: Layer?,
        lowers: [Layer]
    ) -> Steps<Layer> {
        let request = CreateOverlayRequest(
            mode: readOnly ? .readOnly : .ephemeral,
            upperLayerId: upper?.name,
            lowerLayerIds: lowers.map(\.name)
        )
        return layerRequest(.createOverlay(request), .overlay) { response in
            if case .overlayCreated(let created) = response { return created.layerId }
            return nil
        }.map { overlay in
            upper?.becomeUpper()
            return overlay
        }.during("createOverlay")
    }

    /// The whole root filesystem as an export, without mounts. A root above the frame limit ends the sidecar:
    /// nothing tells its size before (decision 20).
    package var snapshotJSON: Steps<String> {
        request(.snapshotRootFilesystem(SnapshotRootFilesystemRequest())) { body in
            if case .payload(.rootFilesystemSnapshot(let snapshot)) = body { return snapshot.entries }
            return nil
        }.map { (entries: [RootFilesystemEntry]) throws(ClientError) in
            try RootFilesystem.exportJSON(entries)
        }.during("snapshotRootFilesystem")
    }

    /// Puts entries of an export into the root, in order, past policies and without the cost of a scan. What is
    /// there already is refused: the sidecar would hide what a directory holds.
    package func bootstrap(document: String) throws(ClientError) -> Steps<Int> {
        let entries = try RootFilesystem.entries(export: document)
        if configuration.isReadOnly {
            throw .guest("EROFS", "a read-only root takes no entries once it is there")
        }
        try RootFilesystem.checkTree(entries, "entries")
        for entry in entries where isLowerDirectory(entry.path) {
            throw .guest("EEXIST", "file exists: \(entry.path): it is a directory of a lower layer")
        }
        return Steps<Void>.forEach(entries) { [self] entry throws(ClientError) in
            // Through a link of a guest the entry would come to be elsewhere.
            resolveParent(try GuestPath(writable: entry.path), makingIt: true).then { [self] real in
                kind(of: entry.path).map { kind throws(ClientError) in
                    guard case .missing = kind, real.hasSameBytes(as: entry.path) else {
                        throw ClientError.guest("EEXIST", "file exists: \(entry.path)")
                    }
                }
            }
        }.then { [self] in
            request(.bootstrapRootFilesystem(BootstrapRootFilesystemRequest(entries: entries))) { body in
                if case .payload(.rootFilesystemBootstrapped(let answer)) = body {
                    return Int(answer.entryCount)
                }
                return nil
            }
        }.during("bootstrapRootFilesystem")
    }
}
