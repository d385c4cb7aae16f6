// SPDX-License-Identifier: Apache-2.0
internal import AgentOSBare

/// A string that holds one well-formed JSON document: the schema's `JsonUtf8`.
///
/// The text is kept as it came, letter by letter; it was checked on the way in.
package struct JSONText: Sendable, Equatable {
    package let text: String

    /// Checks `text`; a sidecar that was sent a bad one would end (wire-protocol.md 4).
    package init(checking text: String) throws(JSONSyntaxError) {
        _ = try JSONReader.parse(text)
        self.text = text
    }

    package init(_ value: JSONValue) { text = JSONWriter.text(value, order: .byBytes) }

    package static let null: JSONText = JSONText(.null)
    package static let emptyObject: JSONText = JSONText(.object([]))

    init(from reader: inout BareReader) throws(BareError) {
        let start = reader.offset
        let text = try reader.str()
        do {
            self = try JSONText(checking: text)
        } catch {
            throw .invalidText(detail: error.text, offset: start)
        }
    }

    func write(to writer: inout BareWriter) { writer.str(text) }

    /// The value of the text. The text was checked, so `null` stands for nothing that can happen.
    package var value: JSONValue { (try? JSONReader.parse(text)) ?? .null }

    /// As the reference writes it inside the JSON form: members sorted, of repeated ones the last.
    package var json: JSONValue { value.sortedByBytes }

    package static func == (left: JSONText, right: JSONText) -> Bool {
        left.text.hasSameBytes(as: right.text)
    }
}
