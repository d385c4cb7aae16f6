// SPDX-License-Identifier: Apache-2.0

/// A type as the schema spells it.
indirect enum SchemaType {
    case primitive(String)
    case reference(String)
    case optional(SchemaType)
    case list(SchemaType)
    case map(key: SchemaType, value: SchemaType)
    case structure([Field])
    case enumeration([Member])
    case union([Member])
    case void

    struct Field {
        let name: String
        let type: SchemaType
    }

    /// A member of an enum or of a union, with its number on the wire.
    struct Member {
        let name: String
        let tag: UInt64
    }
}

/// One `type NAME ...` of the schema, with the numbered section that it stands in.
struct SchemaDeclaration {
    let name: String
    let type: SchemaType
    let section: String
}

/// What is wrong with a schema, and in which line.
struct SchemaError: Error, CustomStringConvertible {
    let line: Int
    let reason: String
    var description: String { "line \(line): \(reason)" }
}
