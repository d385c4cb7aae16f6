// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting

/// Rules of the scripted peer for calls on files.
enum FileRules {
    /// A rule for file calls of one operation.
    static func on(_ operation: String, _ actions: String, path: String? = nil) -> String {
        let place = path.map { ",\"path\":\"\($0)\"" } ?? ""
        return
            "{\"on\":\"guest_filesystem_call\",\"where\":{\"operation\":\"\(operation)\"\(place)},\"do\":[\(actions)]}"
    }

    static func result(_ operation: String, _ members: String) -> String {
        let more = members.isEmpty ? "" : ",\(members)"
        return
            "{\"answer\":{\"type\":\"guest_filesystem_result\",\"operation\":\"\(operation)\",\"path\":\"$path\"\(more)}}"
    }

    static func reject(_ code: String, _ message: String) -> String {
        "{\"reject\":[\"\(code)\",\"\(message)\"]}"
    }

    /// Its stat answers with a size or a kind of the caller's.
    static func stat(size: Int = 0, directory: Bool = false, path: String? = nil) -> String {
        on(
            "stat",
            result(
                "stat",
                """
                "stat":{"mode":33188,"size":\(size),"blocks":0,"dev":1,"rdev":0,"is_directory":\(directory),\
                "is_symbolic_link":false,"atime_ms":1,"mtime_ms":2,"ctime_ms":3,"birthtime_ms":4,"ino":5,"nlink":1,\
                "uid":0,"gid":0}
                """
            ),
            path: path
        )
    }

    /// Answers of a tree: what each directory lists; links by their paths; everything else is a file.
    static func tree(
        _ listings: KeyValuePairs<String, String>,
        links: [String] = [],
        more: [String] = []
    ) -> ScriptedPeer {
        let rules =
            more
            + listings.map { on("read_dir", result("read_dir", "\"entries\":[\($0.value)]"), path: $0.key) }
            + links.map { on("read_link", result("read_link", "\"target\":\"/data\""), path: $0) }
            + [on("read_dir", reject("kernel_error", "ENOENT: no such directory: $path"))]
        return ScriptedPeer("[\(rules.joined(separator: ","))]")
    }
}
