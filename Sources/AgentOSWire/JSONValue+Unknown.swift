// SPDX-License-Identifier: Apache-2.0

extension JSONValue {
    /// The first member here that `form`, the same value as it was read and written again, does not have: as a
    /// path, like `root_filesystem.lowers[0].name`. The readers of the JSON form drop such members, as the
    /// sidecar's do; a document of the host must not lose anything.
    package func memberMissing(from form: JSONValue) -> String? {
        switch (self, form) {
        case (.object(let members), .object(let known)):
            for member in members {
                guard let same = known.first(where: { $0.name.hasSameBytes(as: member.name) }) else {
                    return member.name
                }
                if let below = member.value.memberMissing(from: same.value) {
                    return below.hasPrefix("[") ? member.name + below : "\(member.name).\(below)"
                }
            }
        case (.array(let elements), .array(let known)):
            for (index, element) in elements.enumerated() where index < known.count {
                guard let below = element.memberMissing(from: known[index]) else { continue }
                return below.hasPrefix("[") ? "[\(index)]\(below)" : "[\(index)].\(below)"
            }
        default: break
        }
        return nil
    }
}
