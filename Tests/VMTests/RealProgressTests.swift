// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

/// What long calls on files tell before their end (aos_fs_*_async). A report comes 50 ms behind the one before
/// at the earliest, so work of several times that length must bring some.
@Suite("Progress of long work on files, on the real sidecar", .enabled(if: RealSidecar.isThere), .serialized)
struct RealProgressTests {
    private typealias Call = (UnsafeMutablePointer<aos_id>, UnsafeMutablePointer<OpaquePointer?>) ->
        aos_status

    /// The events of one call; what must hold for those of any is looked at here.
    private struct Work {
        let reports: [HostEvent]
        let contents: [HostEvent]
        let last: HostEvent
        let time: Duration

        /// `total` is nil where nobody can know it before; `folder` is where its paths lie.
        init(
            _ vm: HostVM,
            total: Int64? = nil,
            below folder: String = "/tmp/",
            _ call: Call,
            _ location: SourceLocation = #_sourceLocation
        ) throws {
            let start = ContinuousClock.now
            let events = try vm.sidecar.events(of: try vm.sidecar.submit(call), limit: 120 * second)
            time = ContinuousClock.now - start
            last = try #require(events.last)
            reports = events.filter { $0.kind == AOS_EV_PROGRESS }
            contents = events.filter { $0.kind == AOS_EV_DATA }
            #expect(
                last.kind == AOS_EV_COMPLETE && last.status == AOS_OK,
                "\(String(describing: last.error))",
                sourceLocation: location
            )
            #expect(reports.count + contents.count == events.count - 1, sourceLocation: location)
            #expect(events.map(\.sequence).elementsEqual(1...UInt64(events.count)), sourceLocation: location)
            var before: (entries: Int64, bytes: Int64) = (0, 0)
            for report in reports {
                let document = try JSONReader.parse(report.data)
                let bytes = document["bytes"]?.integerValue ?? -1
                #expect(report.flags & AOS_EVF_JSON != 0, sourceLocation: location)
                #expect(document["entries"] == .integer(report.value), sourceLocation: location)
                #expect(document["totalEntries"]?.integerValue == total, sourceLocation: location)
                #expect(report.value <= total ?? .max, sourceLocation: location)
                #expect(
                    document["path"]?.stringValue.map { $0.hasPrefix(folder) } ?? (report.value == 0),
                    "\(report.text)",
                    sourceLocation: location
                )
                // Each tells of more than the one before: of entries, or within a large one of bytes.
                #expect(report.value >= before.entries && bytes >= before.bytes, sourceLocation: location)
                #expect(
                    report.value > before.entries || bytes > before.bytes,
                    "\(report.text)",
                    sourceLocation: location
                )
                before = (report.value, bytes)
            }
        }

        func json() throws -> [JSONValue] {
            guard case .array(let rows) = try JSONReader.parse(last.data) else { return [] }
            return rows
        }
    }

    /// A VM with so many files of one byte in `/tmp/d`. Each look at one costs the sidecar a scan of all.
    private func filled(_ count: Int, _ config: String = "{}") throws -> HostVM {
        let vm = try realVM(json(config))
        let results = try vm.writeFiles((0..<count).map { ("/tmp/d/\($0)", [UInt8($0 % 256)]) })
        #expect(results.allSatisfy { $0["success"] == .bool(true) })
        return vm
    }

    @Test("writing 300 files tells how many are done, and has their results at its end")
    func write() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let paths = (0..<300).map { "/tmp/d/\($0)" }
        let work = try withTexts(paths) { texts, lengths in
            try withBlocks(paths.map { Array($0.utf8) }) { data, sizes in
                try Work(vm, total: 300) {
                    aos_fs_write_files_async(vm.handle, vm.id, texts, lengths, data, sizes, 300, nil, $0, $1)
                }
            }
        }
        #expect(!work.reports.isEmpty || work.time < .milliseconds(100), "\(work.time)")
        #expect(work.contents.isEmpty)
        #expect(try work.json().map { $0["path"]?.stringValue } == paths)
        #expect(try work.json().allSatisfy { $0["success"] == .bool(true) })
        #expect(try vm.list("/tmp/d").count == 300)
    }

    @Test("reading files brings each with its index, in order, and reports between them")
    func read() throws {
        let vm = try filled(40)
        defer { finish(vm) }
        let paths = (0..<40).map { $0 == 20 ? "/tmp/d/none" : "/tmp/d/\($0)" }
        let work = try withTexts(paths) { texts, lengths in
            try Work(vm, total: 40) {
                aos_fs_read_files_async(vm.handle, vm.id, texts, lengths, 40, nil, $0, $1)
            }
        }
        #expect(!work.reports.isEmpty || work.time < .milliseconds(100), "\(work.time)")
        #expect(work.contents.map(\.value) == (0..<40).filter { $0 != 20 })
        #expect(work.contents.map(\.data) == (0..<40).filter { $0 != 20 }.map { [UInt8($0)] })
        let errors = try work.json().map { $0["error"]?.stringValue?.hasPrefix("ENOENT: ") }
        #expect(errors.indices.allSatisfy { errors[$0] == ($0 == 20 ? true : nil) })
    }

    @Test("a walk that asks for sizes tells how many it has found; a quick one may tell nothing")
    func walk() throws {
        let vm = try filled(40)
        defer { finish(vm) }
        for options in ["{}", #"{"sizes":true}"#] {
            let work = try Work(vm) {
                aos_fs_walk_async(vm.handle, vm.id, "/tmp", 4, options, options.utf8.count, nil, $0, $1)
            }
            #expect(!work.reports.isEmpty || work.time < .milliseconds(100), "\(options) \(work.time)")
            #expect(try work.json().count == 41 && work.last.flags & AOS_EVF_JSON != 0)
        }
    }

    @Test("a move to another mount tells how many are copied")
    func move() throws {
        let vm = try filled(30, #"{"mounts":[{"path":"/mnt/m","plugin":{"id":"memory"}}]}"#)
        defer { finish(vm) }
        let work = try Work(vm, below: "/mnt/m/d") {
            aos_fs_move_async(vm.handle, vm.id, "/tmp/d", 6, "/mnt/m/d", 8, nil, $0, $1)
        }
        #expect(!work.reports.isEmpty || work.time < .milliseconds(100), "\(work.time)")
        #expect(work.contents.isEmpty && work.last.data == [])
        #expect(try vm.list("/mnt/m/d").count == 30 && !vm.list("/tmp").contains("d"))
    }

    @Test("a rename of any tree is one step: nothing but its end")
    func rename() throws {
        let vm = try filled(100)
        defer { finish(vm) }
        for function in [aos_fs_rename_async, aos_fs_move_async] {
            let work = try Work(vm) { function(vm.handle, vm.id, "/tmp/d", 6, "/tmp/e", 6, nil, $0, $1) }
            #expect(work.reports.isEmpty && work.contents.isEmpty && work.last.data == [])
            #expect(try vm.list("/tmp/e").count == 100)
            try vm.rename("/tmp/e", to: "/tmp/d")
        }
    }

    @Test("a large file comes whole at the end, and goes with reports of its bytes")
    func large() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let block = [UInt8](0..<251)
        var bytes: [UInt8] = []
        while bytes.count < 8_000_000 { bytes += block.prefix(8_000_000 - bytes.count) }
        let written = try Work(vm, total: 1) {
            aos_fs_write_large_async(vm.handle, vm.id, "/tmp/f", 6, bytes, bytes.count, nil, $0, $1)
        }
        #expect(written.reports.allSatisfy { $0.text.contains("\"totalBytes\":8000000") })
        #expect(!written.reports.isEmpty || written.time < .milliseconds(100), "\(written.time)")
        let read = try Work(vm) {
            aos_fs_read_large_async(vm.handle, vm.id, "/tmp/f", 6, 1 << 30, nil, $0, $1)
        }
        #expect(read.last.data == bytes && read.contents.isEmpty)
    }

    @Test("a tree that goes up and comes down tells its paths, and how many there are")
    func transfer() throws {
        try withTestFolder { folder in
            mkdir("\(folder)/in", 0o755)
            for index in 0..<300 { try writeFile("\(folder)/in/\(index)", Array("\(index)".utf8)) }
            let vm = try realVM()
            defer { finish(vm) }
            let (from, back) = ("\(folder)/in", "\(folder)/out")
            let sent = try Work(vm, total: 300, below: "") {
                aos_fs_upload_async(vm.handle, vm.id, from, from.utf8.count, "/tmp/d", 6, nil, 0, nil, $0, $1)
            }
            #expect(!sent.reports.isEmpty || sent.time < .milliseconds(100), "\(sent.time)")
            #expect(try JSONReader.parse(sent.last.data)["files"] == .integer(300))
            let came = try Work(vm, total: 300, below: "") {
                aos_fs_download_async(
                    vm.handle,
                    vm.id,
                    "/tmp/d",
                    6,
                    back,
                    back.utf8.count,
                    nil,
                    0,
                    nil,
                    $0,
                    $1
                )
            }
            #expect(!came.reports.isEmpty || came.time < .milliseconds(100), "\(came.time)")
            #expect(try JSONReader.parse(came.last.data)["files"] == .integer(300))
            #expect(try AgentOSTestSupport.folder(back).count == 300)
            for report in sent.reports + came.reports {
                // A part of the first file may be told before any is done.
                guard let path = try JSONReader.parse(report.data)["path"]?.stringValue else { continue }
                #expect(path.split(separator: "/").last.flatMap { Int($0) } != nil, "\(report.text)")
            }
        }
    }
}
