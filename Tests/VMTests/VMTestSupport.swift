// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Synchronization
import Testing

/// JSON as it is written in a test.
func json(_ text: String) throws -> JSONValue { try JSONReader.parse(text) }

/// Whether a call failed with a status, an errno and a text, one after the other so that a failure names
/// which.
func expect(
    _ error: HostError?,
    _ status: Int32,
    errno: String? = nil,
    says text: String? = nil,
    _ sourceLocation: SourceLocation = #_sourceLocation
) {
    guard let error else {
        Issue.record("the call succeeded", sourceLocation: sourceLocation)
        return
    }
    #expect(error.status == status, "\(error)", sourceLocation: sourceLocation)
    if let errno { #expect(error.errno == errno, "\(error)", sourceLocation: sourceLocation) }
    if let text { #expect(error.message.contains(text), "\(error)", sourceLocation: sourceLocation) }
}

/// A VM of a real sidecar of its own, which must live on: `finish` looks.
func realVM(_ config: JSONValue? = nil, guards: Bool = true) throws -> HostVM {
    try RealSidecar.sidecar(guards ? [:] : ["fileGuards": .string("off")]).createVM(config ?? .object([]))
}

/// Ends such a VM, and sees whether its sidecar still answers. For a `defer`.
func finish(_ vm: HostVM, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(vm.isAlive, "the sidecar ended", sourceLocation: sourceLocation)
    if let error = failure(of: { try vm.shutdown() }) {
        Issue.record("shutdown: \(error)", sourceLocation: sourceLocation)
    }
}

/// A folder of one test. Not a closure, for in one `#expect(try ...)` does not compile with Swift 6.0.
struct TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/agentos-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileError("/tmp", "no folder can be made") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    func remove() { _ = try? ChildRun.run("/bin/rm", ["-rf", path]) }
}

/// Runs a shell command of the host in a folder.
func host(_ folder: String, _ command: String) throws {
    let run = try ChildRun.run("/bin/sh", ["-ec", "cd '\(folder)' && \(command)"])
    #expect(run.end == .exited(0), "\(run.errorText)")
}

extension HostVM {
    /// Runs JavaScript to its end.
    @discardableResult
    func script(_ code: String) throws -> HostExecution { try run(argv: ["node", "-e", code]) }

    /// Lets a guest make a link.
    func plant(_ text: String, at path: String) throws {
        let done = try script("require('fs').symlinkSync('\(text)', '\(path)')")
        guard done.code == 0 else { throw FileError(path, "the guest made no link: \(done.errorText)") }
    }

    /// A file call of the protocol, through aos_request_json.
    func fileCall(_ operation: String, _ path: String) throws -> JSONValue {
        try request(
            .members([
                "type": .string("guest_filesystem_call"), "operation": .string(operation),
                "path": .string(path),
                "recursive": .bool(false),
            ])
        )
    }

    var handle: OpaquePointer? { sidecar.handle }
}

extension ScriptedPeer {
    /// What reached it of file calls, as `operation path`.
    var fileCalls: [String] {
        requests("guest_filesystem_call").map {
            "\($0["operation"]?.stringValue ?? "?") \($0["path"]?.stringValue ?? "?")"
        }
    }

    /// File calls other than the questions that the guards add.
    var sentCalls: [String] {
        let questions = ["realpath", "read_link", "read_dir"]
        return fileCalls.filter { call in !questions.contains { call.hasPrefix("\($0) ") } }
    }
}

/// Lower layers of a root filesystem.
enum Lower {
    static func export(_ entries: String) -> String {
        """
        {"kind":"snapshot-export","source":{"format":"agent-os-filesystem-snapshot-v1",\
        "filesystem":{"entries":[\(entries)]}}}
        """
    }

    static func root(_ lowers: String..., more: String = "") throws -> JSONValue {
        try json("{\"rootFilesystem\":{\"lowers\":[\(lowers.joined(separator: ","))]\(more)}}")
    }
}

/// A folder of the host and what is in it, to see whether somebody changed it.
struct HostFolder {
    let path: String

    /// `keep` with a line of text, and `dir` with a file.
    init(_ path: String) throws {
        self.path = path
        try writeFile("\(path)/keep", Array("kept\n".utf8))
        try writeFile("\(path)/other", Array("other\n".utf8))
    }

    /// Names and contents of all files in it.
    var content: [String] {
        let names = (try? folder(path).sorted()) ?? ["unreadable"]
        return names.map {
            "\($0): \(String(decoding: (try? readFile("\(path)/\($0)")) ?? [], as: UTF8.self))"
        }
    }
}

/// Creates a VM with a document that need not be JSON. Gives the id, which stays 0 where it fails.
func createVM(_ sidecar: HostSidecar, text: [UInt8], length: Int? = nil) throws -> aos_id {
    var id: aos_id = 0
    try text.withUnsafeBytes { bytes in
        try check { err in
            let start = bytes.bindMemory(to: CChar.self).baseAddress
            return aos_vm_create(sidecar.handle, start, length ?? bytes.count, HostSidecar.limit, &id, err)
        }
    }
    return id
}

func createVM(_ sidecar: HostSidecar, text: String) throws -> aos_id {
    try createVM(sidecar, text: Array(text.utf8))
}

/// What base64 text stands for; nil where it is none. Slow and plain, for it checks the one of the library.
func decodeBase64(_ text: String) -> [UInt8]? {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var values = [Int](repeating: -1, count: 256)
    for (value, letter) in alphabet.enumerated() { values[Int(letter)] = value }
    let letters = Array(text.utf8)
    guard letters.count.isMultiple(of: 4) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(letters.count / 4 * 3)
    var (bits, count) = (0, 0)
    for letter in letters where letter != UInt8(ascii: "=") {
        guard values[Int(letter)] >= 0 else { return nil }
        bits = (bits << 6 | values[Int(letter)]) & 0xFFFFFF
        count += 6
        if count >= 8 {
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> count))
        }
    }
    return bytes
}

/// A value that threads change.
final class TestBox<Value: Sendable>: Sendable {
    private let stored: Mutex<Value>
    init(_ value: Value) { stored = Mutex(value) }
    func change(_ body: @Sendable (inout Value) -> Void) { stored.withLock { body(&$0) } }
    var value: Value { stored.withLock { $0 } }
}
