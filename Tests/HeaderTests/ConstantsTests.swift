// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import CAgentOS
import Testing

@Suite("The constants of the header")
struct ConstantsTests {
    /// As Swift sees them: one that it does not import does not compile here.
    static let values: KeyValuePairs<String, Int64> = [
        "AOS_ABI_MAJOR": Int64(AOS_ABI_MAJOR),
        "AOS_ABI_MINOR": Int64(AOS_ABI_MINOR),
        "AOS_NO_TIMEOUT": Int64(bitPattern: UInt64(AOS_NO_TIMEOUT)),
        "AOS_NUL_TERMINATED": Int64(truncatingIfNeeded: AOS_NUL_TERMINATED),
        "AOS_OK": Int64(AOS_OK),
        "AOS_E_INVALID": Int64(AOS_E_INVALID),
        "AOS_E_STALE": Int64(AOS_E_STALE),
        "AOS_E_TIMEOUT": Int64(AOS_E_TIMEOUT),
        "AOS_E_DEADLINE": Int64(AOS_E_DEADLINE),
        "AOS_E_CANCELED": Int64(AOS_E_CANCELED),
        "AOS_E_DISPOSED": Int64(AOS_E_DISPOSED),
        "AOS_E_SIDECAR": Int64(AOS_E_SIDECAR),
        "AOS_E_REMOTE": Int64(AOS_E_REMOTE),
        "AOS_E_FORKED": Int64(AOS_E_FORKED),
        "AOS_E_DEADLOCK": Int64(AOS_E_DEADLOCK),
        "AOS_E_BUSY": Int64(AOS_E_BUSY),
        "AOS_E_TOO_LARGE": Int64(AOS_E_TOO_LARGE),
        "AOS_E_NOMEM": Int64(AOS_E_NOMEM),
        "AOS_E_UNSUPPORTED": Int64(AOS_E_UNSUPPORTED),
        "AOS_E_NOT_FOUND": Int64(AOS_E_NOT_FOUND),
        "AOS_ERR_RETRIABLE": Int64(AOS_ERR_RETRIABLE),
        "AOS_ERR_FATAL": Int64(AOS_ERR_FATAL),
        "AOS_ERR_FROM_HOST": Int64(AOS_ERR_FROM_HOST),
        "AOS_EV_COMPLETE": Int64(AOS_EV_COMPLETE),
        "AOS_EV_STDOUT": Int64(AOS_EV_STDOUT),
        "AOS_EV_STDERR": Int64(AOS_EV_STDERR),
        "AOS_EV_CALL": Int64(AOS_EV_CALL),
        "AOS_EV_SESSION": Int64(AOS_EV_SESSION),
        "AOS_EV_LOG": Int64(AOS_EV_LOG),
        "AOS_EV_LOST": Int64(AOS_EV_LOST),
        "AOS_EV_CLOSED": Int64(AOS_EV_CLOSED),
        "AOS_EV_PROCESS_LOST": Int64(AOS_EV_PROCESS_LOST),
        "AOS_EV_PROGRESS": Int64(AOS_EV_PROGRESS),
        "AOS_EV_DATA": Int64(AOS_EV_DATA),
        "AOS_EVF_JSON": Int64(AOS_EVF_JSON),
        "AOS_DELIVER_WAIT": Int64(AOS_DELIVER_WAIT),
        "AOS_DELIVER_QUEUE": Int64(AOS_DELIVER_QUEUE),
        "AOS_DELIVER_CALL": Int64(AOS_DELIVER_CALL),
        "AOS_DELIVER_THREAD": Int64(AOS_DELIVER_THREAD),
        "AOS_DELIVER_NONE": Int64(AOS_DELIVER_NONE),
        "AOS_FS_RECURSIVE": Int64(AOS_FS_RECURSIVE),
        "AOS_EXEC_TIMED_OUT": Int64(AOS_EXEC_TIMED_OUT),
        "AOS_EXEC_STDOUT_TRUNCATED": Int64(AOS_EXEC_STDOUT_TRUNCATED),
        "AOS_EXEC_STDERR_TRUNCATED": Int64(AOS_EXEC_STDERR_TRUNCATED),
        "AOS_EXEC_STDIN_FAILED": Int64(AOS_EXEC_STDIN_FAILED),
        "AOS_EXEC_ENDED_WITH_VM": Int64(AOS_EXEC_ENDED_WITH_VM),
        "AOS_LAYER_READ_ONLY": Int64(AOS_LAYER_READ_ONLY),
    ]

    @Test("Swift sees every one of them")
    func complete() {
        #expect(Self.values.map(\.key) == HeaderText.constants)
        #expect(Self.values.count > 40)
    }

    @Test("Swift and C see the same numbers")
    func values() throws {
        let prints = Self.values.map { "printf(\"%lld\\n\", (long long)\($0.key));" }
        let lines = try Tool.output(
            ofC: """
                #include <agentos.h>
                #include <stdio.h>
                int main(void) { \(prints.joined(separator: "\n")) return 0; }
                """
        )
        #expect(lines.map { Int64($0) } == Self.values.map(\.value))
    }

    @Test(
        "no number of a family is used twice",
        arguments: ["AOS_E_", "AOS_EV_", "AOS_DELIVER_", "AOS_EXEC_", "AOS_ERR_"]
    )
    func unique(family: String) {
        let numbers = Self.values.filter { $0.key.hasPrefix(family) }.map(\.value)
        #expect(numbers.count > 2 && Set(numbers).count == numbers.count)
    }

    @Test("statuses are negative and without gaps, and each has its own name")
    func statuses() {
        let statuses = Self.values.filter { $0.key.hasPrefix("AOS_E_") }
        #expect(statuses.map(\.value) == (1...Int64(statuses.count)).map { -$0 })
        for (name, value) in statuses {
            #expect(aos_status_name(Int32(value)).map { String(cString: $0) } == name)
        }
        #expect(aos_status_name(0).map { String(cString: $0) } == "AOS_OK")
        for value in [1, -1 - Int32(statuses.count), Int32.min, Int32.max] {
            #expect(aos_status_name(value).map { String(cString: $0) } == "AOS_E_UNKNOWN")
        }
    }

    @Test("the version of the interface is that of the library")
    func version() {
        #expect(aos_abi_version() == UInt32(AOS_ABI_MAJOR) << 16 | UInt32(AOS_ABI_MINOR))
        #expect(aos_abi_check(UInt32(AOS_ABI_MAJOR), UInt32(AOS_ABI_MINOR)) == AOS_OK)
        #expect(aos_abi_check(UInt32(AOS_ABI_MAJOR), 0) == AOS_OK)
        #expect(aos_abi_check(UInt32(AOS_ABI_MAJOR), UInt32(AOS_ABI_MINOR) + 1) == AOS_E_UNSUPPORTED)
        #expect(aos_abi_check(UInt32(AOS_ABI_MAJOR) + 1, UInt32(AOS_ABI_MINOR)) == AOS_E_UNSUPPORTED)
        #expect(aos_abi_check(.max, .max) == AOS_E_UNSUPPORTED)
        let text = aos_version_string().map { String(cString: $0) } ?? ""
        #expect(text.hasPrefix("\(AOS_ABI_MAJOR).") && text.split(separator: ".").count == 3)
    }

    @Test("the features that the header names are there, and no others")
    func features() {
        for name in ["shapes", "queue-fd", "file-guards", "remote-command", "request-json"] {
            #expect(aos_has_feature(name) == 1, "\(name)")
        }
        for name in ["", "shape", "Shapes", "shapes ", "\u{FF}"] {
            #expect(aos_has_feature(name) == 0, "\(name)")
        }
        #expect(aos_has_feature(nil) == 0)
    }
}
