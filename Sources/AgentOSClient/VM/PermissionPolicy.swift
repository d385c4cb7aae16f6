// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// The permissions of a VM, as they are sent with its creation and its configuration (vm.md 5).
struct PermissionPolicy: Sendable {
    let wire: PermissionsPolicy

    private static let domains = ["fs", "network", "childProcess", "process", "env", "tool"]

    /// Everything, in all six domains: what absent permissions mean.
    static let allowAll: PermissionPolicy = PermissionPolicy(
        wire: PermissionsPolicy(
            fs: .mode(.allow),
            network: .mode(.allow),
            childProcess: .mode(.allow),
            process: .mode(.allow),
            env: .mode(.allow),
            tool: .mode(.allow)
        )
    )

    init(wire: PermissionsPolicy) { self.wire = wire }

    /// A domain that a given object leaves out stays out, and the sidecar denies it.
    init(_ value: JSONValue, place: String) throws(ClientError) {
        let object = try ConfigurationObject(value, path: place, allowed: Self.domains)
        func pattern(_ name: String, wireName: String) throws(ClientError) -> PatternPermissionScope? {
            guard let value = object.value(name) else { return nil }
            return try Self.patternScope(value, object.place(name), wireName)
        }
        var fs: FsPermissionScope?
        if let value = object.value("fs") { fs = try Self.fsScope(value, object.place("fs")) }
        wire = PermissionsPolicy(
            fs: fs,
            network: try pattern("network", wireName: "network"),
            childProcess: try pattern("childProcess", wireName: "child_process"),
            process: try pattern("process", wireName: "process"),
            env: try pattern("env", wireName: "env"),
            tool: try pattern("tool", wireName: "tool")
        )
    }

    private static func mode(_ value: JSONValue, _ place: String) throws(ClientError) -> PermissionMode {
        let text = try ConfigurationObject.string(value, place)
        guard let mode = PermissionMode(jsonName: text) else {
            throw .invalid("\(place): expected one of allow, deny, ask, found \"\(text)\"")
        }
        return mode
    }

    private struct Rule {
        let mode: PermissionMode
        let operations: [String]
        let subjects: [String]
    }

    private static func rules(
        _ value: JSONValue,
        _ place: String,
        _ wireName: String,
        subjects: String
    ) throws(ClientError) -> (fallback: PermissionMode?, rules: [Rule]) {
        let object = try ConfigurationObject(value, path: place, allowed: ["default", "rules"])
        var fallback: PermissionMode?
        if let value = object.value("default") { fallback = try mode(value, object.place("default")) }
        var index = 0
        let rules = try object.list("rules") { (value, place) throws(ClientError) in
            let rule = try ConfigurationObject(value, path: place, allowed: ["mode", "operations", subjects])
            guard let given = rule.value("mode") else { throw .invalid("\(rule.place("mode")): missing") }
            func field(_ name: String, _ everything: String) throws(ClientError) -> [String] {
                guard let list = try rule.strings(name) else { return [everything] }
                // The sidecar's own text: it would refuse the policy with it.
                if list.isEmpty {
                    throw .invalid(
                        "invalid permissions policy: \(wireName).rules[\(index)].\(name) must not be empty; use [\"*\"] for wildcard"
                    )
                }
                return list
            }
            defer { index += 1 }
            let operations = try field("operations", "*")
            let patterns = try field(subjects, "**")
            try check(operations, rule.place("operations"), wireName)
            if subjects == "paths" { try checkPaths(patterns, rule.place(subjects)) }
            return Rule(mode: try mode(given, rule.place("mode")), operations: operations, subjects: patterns)
        }
        return (fallback, rules ?? [])
    }

    /// What the sidecar asks a policy about, by domain (vm.md 5.3).
    private static let operations: KeyValuePairs<String, [String]> = [
        "fs": [
            "read", "write", "stat", "readdir", "create_dir", "rm", "rename", "symlink", "readlink", "chmod",
            "truncate", "mount_sensitive",
        ],
        "network": ["fetch", "http", "dns", "listen", "inspect"],
        "child_process": ["spawn"], "process": ["inspect"], "env": ["read", "write"], "tool": ["invoke"],
    ]

    /// A rule for what is never asked would protect nothing, and nobody would notice.
    private static func check(_ given: [String], _ place: String, _ wireName: String) throws(ClientError) {
        let known = operations.first { $0.key == wireName }?.value ?? []
        for (index, operation) in given.enumerated() where operation != "*" && !known.contains(operation) {
            let all = (known + ["*"]).joined(separator: ", ")
            throw .invalid("\(place)[\(index)]: expected one of \(all), found \"\(operation)\"")
        }
    }

    private static func checkPaths(_ patterns: [String], _ place: String) throws(ClientError) {
        for (index, pattern) in patterns.enumerated() {
            guard let first = pattern.utf8.first, "/*?".utf8.contains(first) else {
                throw .invalid(
                    "\(place)[\(index)]: matches no path, for it does not begin with /, * or ?: \"\(pattern)\""
                )
            }
        }
    }

    private static func fsScope(_ value: JSONValue, _ place: String) throws(ClientError) -> FsPermissionScope
    {
        if case .string = value { return .mode(try mode(value, place)) }
        let set = try rules(value, place, "fs", subjects: "paths")
        return .ruleSet(
            FsPermissionRuleSet(
                default: set.fallback,
                rules: set.rules.map {
                    FsPermissionRule(mode: $0.mode, operations: $0.operations, paths: $0.subjects)
                }
            )
        )
    }

    private static func patternScope(
        _ value: JSONValue,
        _ place: String,
        _ wireName: String
    ) throws(ClientError) -> PatternPermissionScope {
        if case .string = value { return .mode(try mode(value, place)) }
        let set = try rules(value, place, wireName, subjects: "patterns")
        return .ruleSet(
            PatternPermissionRuleSet(
                default: set.fallback,
                rules: set.rules.map {
                    PatternPermissionRule(mode: $0.mode, operations: $0.operations, patterns: $0.subjects)
                }
            )
        )
    }

    /// Whether an operation on files is allowed, as far as the policy alone can tell.
    enum Reach: Sendable {
        case everywhere
        case nowhere
        /// Denied for some paths: by this rule, or by the default.
        case somewhere(String)
    }

    /// What the sidecar does by itself to bring its own copy of the files back into the guest, under the
    /// guest's policy: an ephemeral root where one of these is denied ends it (hazard H21).
    static let neededByEphemeralRoot = ["write", "create_dir", "symlink"]

    var hasFileRules: Bool {
        if case .ruleSet = wire.fs { return true }
        return false
    }

    func reach(of operation: String) -> Reach {
        switch wire.fs {
        case nil: return .nowhere
        case .mode(let mode): return mode == .allow ? .everywhere : .nowhere
        case .ruleSet(let set):
            // The last match wins; a rule for all paths hides what stands before it.
            var result: Reach = set.default == .allow ? .everywhere : .nowhere
            for (index, rule) in set.rules.enumerated() {
                guard rule.operations.contains(where: { $0 == "*" || $0 == operation }) else { continue }
                let isForAll = rule.paths.contains("**") || rule.paths.contains("/**")
                switch (rule.mode == .allow, isForAll, result) {
                case (true, true, _): result = .everywhere
                case (false, true, _): result = .nowhere
                case (true, false, .nowhere): result = .somewhere("permissions.fs.rules[\(index)]")
                case (false, false, .everywhere): result = .somewhere("permissions.fs.rules[\(index)]")
                default: break
                }
            }
            return result
        }
    }
}
