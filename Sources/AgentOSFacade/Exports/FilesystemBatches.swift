// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

/// Contents that may be with the host before a batch of reads waits.
private let readWindow = 8 << 20
private let largestBatch = 65_536

private typealias Texts = UnsafePointer<UnsafePointer<CChar>?>

// MARK: write_files

private func writeFiles(
    _ object: SidecarObject,
    _ vm: aos_id,
    _ paths: (Texts?, UnsafePointer<Int>?),
    _ data: (UnsafePointer<UnsafeRawPointer?>?, UnsafePointer<Int>?),
    _ count: Int,
    _ meter: ProgressMeter
) throws(ClientError) -> Prepared<String> {
    let vm = try Identifiers.vm(vm, of: object)
    let count = try Arguments.count(count, upTo: largestBatch, "count")
    let paths = try Arguments.texts(paths.0, paths.1, count, "paths")
    var files: [(path: String, content: FileBytes)] = []
    if count > 0 {
        guard let pointers = data.0 else { throw .invalid("data: must not be NULL") }
        guard let lengths = data.1 else { throw .invalid("data_lens: must not be NULL") }
        for index in 0..<count {
            let bytes = try Arguments.bytes(pointers[index], lengths[index], "data")
            files.append((paths[index], FileBytes(bytes)))
        }
    }
    // One after the other: no more than the largest is on its way at a time.
    let largest = files.map(\.content.size).max() ?? 0
    return Prepared(vm, bytes: largest, vm.writeFiles(files, meter))
}

@_cdecl("aos_fs_write_files")
package func fsWriteFiles(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ paths: UnsafePointer<UnsafePointer<CChar>?>?,
    _ pathLens: UnsafePointer<Int>?,
    _ data: UnsafePointer<UnsafeRawPointer?>?,
    _ dataLens: UnsafePointer<Int>?,
    _ count: Int,
    _ timeout: UInt64,
    _ results: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let object = try Handles.sidecar(sidecar)
        let prepared = try writeFiles(
            object,
            vm,
            (paths, pathLens),
            (data, dataLens),
            count,
            ProgressMeter()
        )
        let text = try prepared.wait(timeout)
        if let results { results.pointee = try Handles.publish(text: text) }
    }
}

@_cdecl("aos_fs_write_files_async")
package func fsWriteFilesAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ paths: UnsafePointer<UnsafePointer<CChar>?>?,
    _ pathLens: UnsafePointer<Int>?,
    _ data: UnsafePointer<UnsafeRawPointer?>?,
    _ dataLens: UnsafePointer<Int>?,
    _ count: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object, events throws(ClientError) in
        try writeFiles(object, vm, (paths, pathLens), (data, dataLens), count, events.meter)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

// MARK: read_files

private func readFiles(
    _ object: SidecarObject,
    _ vm: aos_id,
    _ paths: (Texts?, UnsafePointer<Int>?),
    _ count: Int,
    _ read: (VM, [String]) -> Steps<String>
) throws(ClientError) -> Prepared<String> {
    let vm = try Identifiers.vm(vm, of: object)
    let count = try Arguments.count(count, upTo: largestBatch, "count")
    return Prepared(vm, read(vm, try Arguments.texts(paths.0, paths.1, count, "paths")))
}

@_cdecl("aos_fs_read_files")
package func fsReadFiles(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ paths: UnsafePointer<UnsafePointer<CChar>?>?,
    _ pathLens: UnsafePointer<Int>?,
    _ count: Int,
    _ timeout: UInt64,
    _ contents: UnsafeMutablePointer<OpaquePointer?>?,
    _ results: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let object = try Handles.sidecar(sidecar)
        if contents == nil, count > 0 { throw .invalid("contents: must not be NULL") }
        let blocks: Lock<[Int: ByteBlock]> = Lock([:])
        let prepared = try readFiles(object, vm, (paths, pathLens), count) { vm, paths in
            vm.readFiles(paths, ProgressMeter()) { index, block in blocks.withLock { $0[index] = block } }
        }
        let text = try prepared.wait(timeout)
        let found = blocks.withLock { $0 }
        let keys = try publish(found, count)
        if let results {
            do throws(ClientError) { results.pointee = try Handles.publish(text: text) } catch {
                for case let key? in keys { _ = Handles.bytes.release(key) }
                throw error
            }
        }
        for (index, key) in keys.enumerated() { contents?[index] = key }
    }
}

/// A key for each content, or for none of them.
private func publish(_ blocks: [Int: ByteBlock], _ count: Int) throws(ClientError) -> [OpaquePointer?] {
    var keys: [OpaquePointer?] = []
    for index in 0..<count {
        guard let block = blocks[index] else {
            keys.append(nil)
            continue
        }
        do throws(ClientError) { keys.append(try Handles.publish(block)) } catch {
            for case let key? in keys { _ = Handles.bytes.release(key) }
            throw error
        }
    }
    return keys
}

@_cdecl("aos_fs_read_files_async")
package func fsReadFilesAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ paths: UnsafePointer<UnsafePointer<CChar>?>?,
    _ pathLens: UnsafePointer<Int>?,
    _ count: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object, events throws(ClientError) in
        try readFiles(object, vm, (paths, pathLens), count) { vm, paths in
            let window = ByteWindow(limit: readWindow)
            return vm.readFiles(paths, events.meter, window: window) { index, block in
                events.data(block, index: index, creditOf: window)
            }
        }
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}
