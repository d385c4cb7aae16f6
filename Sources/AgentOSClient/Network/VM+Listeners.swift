// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// What is looked for among the sockets of a VM.
package struct SocketQuery: Sendable {
    let host: String?
    let port: UInt16?
    let path: String?

    /// `path` is for listeners alone.
    package init(document: String?, forListener: Bool) throws(ClientError) {
        let allowed = forListener ? ["host", "port", "path"] : ["host", "port"]
        let object = try ConfigurationObject(document: document, allowed: allowed)
        host = try object.string("host")
        port = try object.integer("port", in: 1...65_535).map { UInt16($0) }
        path = forListener ? try object.string("path") : nil
        if let path, path.isEmpty || path.utf8.contains(0) {
            throw .invalid("path: must not be empty, nor contain a NUL byte")
        }
    }
}

/// Sockets that programs of a VM wait at (network.md 3-5).
extension VM {
    private static let look: UInt64 = 25_000_000

    /// A listener as a JSON object, or `null`. `http` servers of Node are not among them (network.md 3).
    package func findListenerJSON(_ query: SocketQuery) -> Steps<String> {
        findListener(query).map { [self] in JSONWriter.text($0.map { json($0) } ?? .null) }
            .during("findListener")
    }

    private func findListener(_ query: SocketQuery) -> Steps<SocketStateEntry?> {
        let request = FindListenerRequest(host: query.host, port: query.port, path: query.path)
        return self.request(.findListener(request)) { body in
            if case .payload(.listenerSnapshot(let snapshot)) = body { return .some(snapshot.listener) }
            return nil
        }
    }

    /// A UDP socket as a JSON object, or `null`.
    package func findBoundUDPJSON(_ query: SocketQuery) -> Steps<String> {
        let request = FindBoundUdpRequest(host: query.host, port: query.port)
        return self.request(.findBoundUdp(request)) { body -> SocketStateEntry?? in
            if case .payload(.boundUdpSnapshot(let snapshot)) = body { return .some(snapshot.socket) }
            return nil
        }.map { [self] in JSONWriter.text($0.map { json($0) } ?? .null) }.during("findBoundUdp")
    }

    /// Waits until there is a listener. With a process: as long as that runs.
    package func waitForListenerJSON(_ query: SocketQuery, process: ProcessRecord?) -> Steps<String> {
        Steps<String>.loop(()) { [self] _ in
            findListener(query).then { [self] found in
                if let found { return .done(.done(JSONWriter.text(json(found)))) }
                if let process, process.hasEnded {
                    let text = "the process ended before it listened: \(process.hostID)"
                    return .fail(ClientError(.processNotFound, text))
                }
                // The end of a shutdown must find nobody who sleeps till the next look.
                return Steps<Void>.wait(
                    for: shutdownBegun,
                    atMost: Self.look,
                    timeout: ClientError(.timeout, "")
                ).map { false }.recover { error throws(ClientError) in
                    guard error.kind == .timeout else { throw error }
                    return .done(true)
                }.map { again throws(ClientError) in
                    guard again else { throw .vmDisposed }
                    return .again(())
                }
            }
        }.during("waitForListener")
    }

    private func json(_ entry: SocketStateEntry) -> JSONValue {
        let process = processes.processes.first { $0.processID.hasSameBytes(as: entry.processId) }
        return .members([
            "processId": .string(entry.processId), "pid": process?.number.map { .number($0) },
            "id": process.map { .number($0.hostID) }, "host": entry.host.map { .string($0) },
            "port": entry.port.map { .number($0) }, "path": entry.path.map { .string($0) },
        ])
    }
}
