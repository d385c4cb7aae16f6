// SPDX-License-Identifier: Apache-2.0
import AgentOSWire
import Testing

@testable import AgentOSClient

@Suite("ConfigurationObject: what is wrong is named by its place")
struct ConfigurationObjectTests {
    private static let allowed = ["s", "b", "i", "l", "o", "m", "c", "n"]

    private func read(_ document: String?) throws(ClientError) -> ConfigurationObject {
        try ConfigurationObject(document: document, allowed: Self.allowed)
    }

    @Test("members come out with their types, null and what is absent as nothing")
    func values() throws {
        let object = try read(
            #"{"s":"x","b":true,"i":7,"l":["a","b"],"m":{"k":"v","":"w"},"c":"two","n":1500}"#
        )
        #expect(try object.string("s") == "x")
        #expect(try object.bool("b") == true)
        #expect(try object.integer("i", in: 0...10) == 7)
        #expect(try object.strings("l") == ["a", "b"])
        let pairs = try object.map("m")
        #expect(pairs?.map(\.name) == ["k", ""] && pairs?.map(\.value) == ["v", "w"])
        #expect(try object.choice("c", ["one": 1, "two": 2]) == 2)
        #expect(try object.milliseconds("n") == 1_500_000_000)
        for empty in [try read(nil), try read("{}"), try read(#"{"s":null,"b":null,"l":null}"#)] {
            #expect(try empty.string("s") == nil)
            #expect(try empty.bool("b") == nil)
            #expect(try empty.strings("l") == nil)
            #expect(try empty.map("m") == nil)
            #expect(try empty.object("o", allowed: nil)?.all.count == nil)
        }
    }

    static let refused: [(document: String, text: String)] = [
        ("[]", "expected an object, found an array"), ("null", "expected an object, found null"),
        ("{", "invalid JSON: EOF while parsing an object at line 1 column 1"),
        (#"{"x":1}"#, "x: unknown member; known are s, b, i, l, o, m, c, n"),
        (#"{"s":"a","s":"a"}"#, "s: given twice"), (#"{"s":1}"#, "s: expected a string, found an integer"),
        (#"{"b":"yes"}"#, "b: expected true or false, found a string"),
        (#"{"i":1.0}"#, "i: expected an integer, found a number"),
        (#"{"i":11}"#, "i: expected an integer from 0 to 10, found 11"),
        (#"{"i":-1}"#, "i: expected an integer from 0 to 10, found -1"),
        (#"{"i":18446744073709551615}"#, "i: expected an integer from 0 to 10, found 18446744073709551615"),
        (#"{"l":{}}"#, "l: expected an array, found an object"),
        (#"{"l":["a",2]}"#, "l[1]: expected a string, found an integer"),
        (#"{"m":{"k":1}}"#, "m.k: expected a string, found an integer"),
        (#"{"m":{"k":"","k":""}}"#, "m.k: given twice"),
        (#"{"o":{"y":1}}"#, "o.y: unknown member; known are z"),
        (#"{"o":{"z":[{}]}}"#, "o.z[0]: expected a string, found an object"),
        (#"{"c":"three"}"#, "c: expected one of one, two, found \"three\""),
        (#"{"n":86400000001}"#, "n: expected an integer from 0 to 86400000000, found 86400000001"),
    ]

    @Test("a document with one thing wrong", arguments: refused)
    func refused(document: String, text: String) {
        let found = refusal { () throws(ClientError) in
            let object = try read(document)
            _ = try object.string("s")
            _ = try object.bool("b")
            _ = try object.integer("i", in: 0...10)
            _ = try object.strings("l")
            _ = try object.map("m")
            _ = try object.object("o", allowed: ["z"])?.strings("z")
            _ = try object.choice("c", ["one": 1, "two": 2])
            _ = try object.milliseconds("n")
        }
        #expect(found == text)
    }
}
