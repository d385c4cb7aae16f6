// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite(
    "Hazards of links and lower layers (connection-vm-files.md 9: H4-H8)",
    .enabled(if: RealSidecar.isThere)
)
struct LinkHazardTests {
    @Test("H4: absolute links to nothing, of a guest, disturb neither questions nor the end of a process")
    func danglingAbsolute() throws {
        let vm = try realVM()
        defer { finish(vm) }
        for (text, path) in [
            ("/nowhere", "/tmp/a"), ("/etc/hostname", "/tmp/b"), ("/tmp/d", "/tmp/c"), ("/tmp/c", "/tmp/d"),
        ] {
            try vm.plant(text, at: path)
        }
        #expect(try vm.stat("/tmp")["isDirectory"] == .bool(true))
        #expect(try vm.exists("/tmp/a"), "a link to nothing is something")
        #expect(try vm.script("console.log(1)").outputText == "1\n")
        expect(failure { _ = try vm.read("/tmp/c") }, AOS_E_REMOTE, errno: "ENOENT")
        #expect(failure { try vm.write("/tmp/c", "x") } != nil)
        #expect(failure { try vm.makeDirectory("/tmp/c/x", recursive: true) } != nil)
        #expect(try vm.script("console.log(1)").outputText == "1\n")
    }

    @Test("H4: the target of an absolute link is removed before the next scan")
    func targetRemoved() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/t", "x")
        try vm.plant("/tmp/t", at: "/tmp/l")
        try vm.remove("/tmp/t")
        #expect(try vm.exists("/tmp"))
        #expect(try vm.script("console.log(1)").outputText == "1\n")
        try vm.remove("/tmp/l")
        #expect(try vm.exists("/tmp/l") == false)
    }

    @Test("H5, 7: of a path in two lowers the first is read, however often")
    func twoLowers() throws {
        func lower(_ text: String) -> String {
            Lower.export("{\"path\":\"/f\",\"type\":\"file\",\"content\":\"\(text)\"}")
        }
        let vm = try realVM(Lower.root(lower("first"), lower("second")))
        defer { finish(vm) }
        #expect(try vm.readText("/f") == "first")
        #expect(try vm.exists("/"))
        #expect(try vm.readText("/f") == "first")
        #expect(try vm.script("console.log(require('fs').readFileSync('/f','utf8'))").outputText == "first\n")
        #expect(try vm.readText("/f") == "first")
    }

    @Test(
        "H6, 21: what is written through a link is what is read, twenty times",
        arguments: ["t", "/tmp/t", "../tmp/t"]
    )
    func throughLink(_ text: String) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/t", "old")
        try vm.plant(text, at: "/tmp/l")
        for round in 0..<20 {
            try vm.write("/tmp/l", "round \(round)")
            #expect(try vm.readText("/tmp/t") == "round \(round)")
            #expect(try vm.readText("/tmp/l") == "round \(round)")
        }
        #expect(
            try vm.script("console.log(require('fs').readFileSync('/tmp/t','utf8'))").outputText
                == "round 19\n"
        )
        #expect(try vm.readText("/tmp/t") == "round 19")
    }

    @Test("H6: a link to nothing gets its target by being written")
    func throughDangling() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.plant("new", at: "/tmp/l")
        try vm.write("/tmp/l", "x")
        #expect(try vm.readText("/tmp/new") == "x")
        #expect(try vm.readText("/tmp/l") == "x")
        #expect(try vm.list("/tmp") == ["l", "new"])
    }

    @Test(
        "H6: a file that was written through a directory link of the base layer is read under the same path"
    )
    func throughBaseLink() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/var/lock/f", "x")
        let text = try vm.readText("/var/lock/f")
        #expect(text == "x")
    }

    @Test("H7, 22: links to nothing are removed, alone and in a tree")
    func removeDangling() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.makeDirectory("/tmp/d/e", recursive: true)
        try vm.plant("/nowhere", at: "/tmp/d/a")
        try vm.plant("nothing", at: "/tmp/d/e/r")
        try vm.plant("/tmp/l", at: "/tmp/l")
        try vm.write("/tmp/d/e/f", "x")
        try vm.remove("/tmp/l")
        try vm.remove("/tmp/d/a")
        #expect(try vm.list("/tmp/d") == ["e"])
        try vm.remove("/tmp/d", recursive: true)
        #expect(try vm.list("/tmp") == [])
        // Of the base layer, where it is one too.
        try vm.remove("/usr/bin/env")
        #expect(try vm.exists("/usr/bin/env") == false)
        #expect(try vm.script("console.log(1)").outputText == "1\n")
    }

    @Test("H8: a directory of a lower layer is not removed as a file")
    func lowerDirectory() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let names = try vm.list("/etc")
        #expect(names.count == 25, "24 of the base, and agentos")
        expect(failure { _ = try vm.fileCall("remove_file", "/etc") }, AOS_E_INVALID, errno: "EISDIR")
        expect(failure { try vm.remove("/etc") }, AOS_E_INVALID, errno: "EROFS")
        #expect(try vm.list("/etc") == names)
        expect(failure { try vm.remove("/srv") }, AOS_E_INVALID, errno: "EBUSY")
        #expect(try vm.exists("/srv"))
    }
}
