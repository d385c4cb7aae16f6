// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import AgentOSClient

@Suite("ClientError (vm.md 13)")
struct ClientErrorTests {
    @Test(
        "three kinds are printed with their name in front, all others as their message",
        arguments: [
            (ClientError.Kind.kernel, "kernel error [io_error]: m"), (.transport, "transport error: m"),
            (.sidecar, "sidecar error: m"), (.pathNotAbsolute, "m"), (.pathNotNormalized, "m"),
            (.pathReadOnly, "m"),
            (.invalidArgument, "m"), (.processNotFound, "m"), (.tooLarge, "m"), (.timeout, "m"),
            (.cancelled, "m"),
            (.disposed, "m"), (.stale, "m"), (.busy, "m"), (.deadlock, "m"), (.unsupported, "m"),
            (.noMemory, "m"),
            (.forked, "m"), (.aggregate, "m"),
        ]
    )
    func description(kind: ClientError.Kind, text: String) {
        #expect(ClientError(kind, "m") { $0.code = "io_error" }.description == text)
    }

    @Test("a shell that is not found is printed in small letters, as the reference does")
    func shellNotFound() {
        let error = ClientError(.shellNotFound, "Shell not found: 7")
        #expect(error.message == "Shell not found: 7")
        #expect(error.description == "shell not found: 7")
        let document = #"{"kind":"shell_not_found","description":"shell not found: 7"}"#
        #expect(error.detailJSON == document)
    }

    @Test(
        "the detail document has the kind, and the printed form where that is another one",
        arguments: [
            (ClientError.Kind.kernel, "kernel", ""),
            (.transport, "transport", #","description":"transport error: m""#),
            (.sidecar, "sidecar", #","description":"sidecar error: m""#),
            (.pathNotAbsolute, "path_not_absolute", ""),
            (.pathNotNormalized, "path_not_normalized", ""), (.pathReadOnly, "path_read_only", ""),
            (.invalidArgument, "invalid_argument", ""), (.processNotFound, "process_not_found", ""),
            (.tooLarge, "too_large", ""), (.timeout, "timeout", ""), (.cancelled, "cancelled", ""),
            (.disposed, "disposed", ""), (.stale, "stale", ""), (.busy, "busy", ""),
            (.deadlock, "deadlock", ""),
            (.unsupported, "unsupported", ""), (.noMemory, "no_memory", ""), (.forked, "forked", ""),
            (.aggregate, "aggregate", ""),
        ]
    )
    func kinds(kind: ClientError.Kind, name: String, rest: String) {
        #expect(ClientError(kind, "m").detailJSON == #"{"kind":"\#(name)"\#(rest)}"#)
    }

    @Test("every fact has its member, in one order")
    func facts() {
        let error = ClientError(.timeout, "m") { detail in
            detail.code = "c"
            detail.errno = "EIO"
            detail.operation = "readFile"
            detail.path = "/p\""
            detail.request = "execute"
            detail.found = "rejected"
            detail.exitCode = 3
            detail.exitSignal = 9
            detail.standardError = "oops\n"
            (detail.size, detail.limit) = (7, 5)
            detail.parts = [ClientError(.busy, "a"), ClientError(.kernel, "b") { $0.code = "x" }]
        }
        #expect(
            error.detailJSON
                == #"{"kind":"timeout","code":"c","errno":"EIO","operation":"readFile","path":"/p\"","#
                + #""request":"execute","found":"rejected","exitCode":3,"exitSignal":9,"stderr":"oops\n","size":7,"#
                + #""limit":5,"errors":[{"message":"a","detail":{"kind":"busy"}},"#
                + #"{"message":"b","detail":{"kind":"kernel","code":"x","description":"kernel error [x]: b"}}]}"#
        )
    }

    @Test("an operation is named once, and does not take the place of a path that is known")
    func during() {
        let error = ClientError(.kernel, "m") { $0.code = "c" }
        let first = error.during("readFile", path: "/a")
        #expect(first.detail.operation == "readFile" && first.detail.path == "/a" && first.detail.code == "c")
        #expect(first.during("copy", path: "/b").detail.operation == "readFile")
        #expect(first.during("copy", path: "/b").detail.path == "/a")
        #expect(ClientError(.kernel, "m") { $0.path = "/own" }.during("x", path: "/a").detail.path == "/own")
    }

    @Test(
        "in a batch a sidecar's message has its code in front, unless it begins with an errno or with that code (filesystem.md, case 24)"
    )
    func batchMessage() {
        func text(_ kind: ClientError.Kind, _ message: String, _ code: String?) -> String {
            ClientError(kind, message) { $0.code = code }.batchMessage
        }
        #expect(text(.kernel, "went wrong", "io_error") == "io_error: went wrong")
        #expect(text(.kernel, "boom", "invalid_state") == "invalid_state: boom")
        #expect(text(.kernel, "EPERM: no", "EPERM") == "EPERM: no")
        #expect(text(.kernel, "ENOENT: no such file", "kernel_error") == "ENOENT: no such file")
        #expect(text(.kernel, "gone", "ENOENT") == "ENOENT: gone")
        #expect(text(.kernel, "ENOENT: gone", "ENOENT") == "ENOENT: gone")
        #expect(text(.kernel, "io_error: went wrong", "io_error") == "io_error: went wrong")
        #expect(text(.kernel, "io_errors: x", "io_error") == "io_error: io_errors: x")
        #expect(text(.kernel, "went wrong", nil) == "went wrong")
        #expect(text(.timeout, "went wrong", "io_error") == "went wrong")
    }

    @Test("several errors are one with all of them, one is itself, none is none")
    func joined() {
        #expect(ClientError.joined([]) == nil)
        let single = ClientError(.busy, "a")
        #expect(ClientError.joined([single])?.facts === single.facts)
        let both = ClientError.joined([single, ClientError(.kernel, "b") { $0.code = "c" }])
        #expect(both?.kind == .aggregate)
        #expect(both?.message == "a; c: b")
        #expect(both?.detail.parts.map(\.message) == ["a", "b"])
    }

    @Test("a rejection has the errno of its message, else of its code")
    func rejected() {
        let named = ClientError.rejected(code: "kernel_error", message: "EACCES: no", request: "execute")
        #expect(named.kind == .kernel && named.detail.errno == "EACCES" && named.detail.request == "execute")
        #expect(ClientError.rejected(code: "ENOENT", message: "no", request: "x").detail.errno == "ENOENT")
        #expect(ClientError.rejected(code: "io_error", message: "no", request: "x").detail.errno == nil)
        let guest = ClientError.guest("EINVAL", "odd")
        #expect(
            guest.message == "EINVAL: odd" && guest.detail.errno == "EINVAL" && guest.kind == .invalidArgument
        )
    }

    @Test(
        "an errno stands at the beginning, in capitals and digits, directly before a colon",
        arguments: [
            ("ENOENT: no", "ENOENT"), ("E2BIG: x", nil), ("EAB2: x", "EAB2"), ("EX:", "EX"), ("E: x", nil),
            ("ENOENT", nil), ("ENOENT : x", nil), ("enoent: x", nil), ("x ENOENT: y", nil), ("", nil),
            (":", nil),
            ("ENoENT: x", nil), ("ÉNOENT: x", nil), ("ENOENT: EIO: x", "ENOENT"),
        ]
    )
    func token(message: String, errno: String?) { #expect(ErrorNumber.token(of: message) == errno) }

    @Test("bytes are found in a text wherever they stand")
    func containsBytes() {
        #expect("abcabd".containsBytes(of: "abd"))
        #expect("abc".containsBytes(of: ""))
        #expect("abc".containsBytes(of: "abc"))
        #expect(!"abc".containsBytes(of: "abcd"))
        #expect(!"é".containsBytes(of: "e\u{301}"))
    }
}
