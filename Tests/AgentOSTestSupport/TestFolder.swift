// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims
internal import Glibc

/// A folder of one test, gone with everything in it when the closure returns.
package func withTestFolder<Result>(_ body: (_ path: String) throws -> Result) throws -> Result {
    var template = Array("/tmp/agentos-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw FileError("/tmp", "no folder can be made") }
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer { _ = aos_shim_remove_tree(path) }
    return try body(path)
}
