// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient

/// What a host's existing function takes, word by word: the grammar of `aos_completion.shape`.
struct Shape: Hashable, Sendable {
    enum Field: String, Sendable, CaseIterable {
        case userData = "ud"
        case event, kind, flags, status, value, op, object, tag, seq, len, data, error
    }

    enum Narrowing: String, Sendable { case i32, u32 }

    struct Word: Hashable, Sendable {
        let field: Field
        var isByReference: Bool = false
        var narrowing: Narrowing?
    }

    static let maximumWords = 12

    let words: [Word]

    /// Faults name their position, in bytes from 0.
    init(_ text: String) throws(ClientError) {
        var words: [Word] = []
        var narrowedAt: Int?
        var offset = 0
        for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard words.count < Self.maximumWords else {
                throw Self.fault("more than \(Self.maximumWords) words", offset)
            }
            let word = try Self.word(String(Substring(part)), at: offset)
            if word.narrowing != nil { narrowedAt = narrowedAt ?? offset }
            words.append(word)
            offset += part.count + 1
        }
        if let narrowedAt, !words.contains(where: { $0.field == .status }) {
            throw Self.fault("a narrowed word needs `status` in the same shape", narrowedAt)
        }
        self.words = words
    }

    private static func fault(_ reason: String, _ position: Int) -> ClientError {
        .invalid("completion.shape: \(reason) at byte \(position)")
    }

    private static func word(_ text: String, at offset: Int) throws(ClientError) -> Word {
        var rest = Substring(text)
        let isByReference = rest.hasPrefix("&")
        if isByReference { rest = rest.dropFirst() }
        let name = rest.prefix { $0 != ":" }
        let start = offset + (isByReference ? 1 : 0)
        guard let field = Field(rawValue: String(name)) else {
            let known = Field.allCases.map(\.rawValue).joined(separator: ", ")
            throw fault("expected one of \(known), found \"\(name)\"", start)
        }
        let isNumber = ![.userData, .event, .data, .error].contains(field)
        if isByReference, !isNumber { throw fault("only a number can be passed by reference", offset) }
        guard name.endIndex != rest.endIndex else { return Word(field: field, isByReference: isByReference) }
        let suffix = rest[rest.index(after: name.endIndex)...]
        guard field == .value || field == .len else {
            throw fault("only value and len can be narrowed", start + name.utf8.count)
        }
        guard let narrowing = Narrowing(rawValue: String(suffix)) else {
            throw fault("expected i32 or u32, found \"\(suffix)\"", start + name.utf8.count + 1)
        }
        return Word(field: field, isByReference: isByReference, narrowing: narrowing)
    }
}
