// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import AgentOSClient

@Suite("BaseImage")
struct BaseImageTests {
    @Test("what the base holds has its parents in it")
    func parents() {
        for path in BaseImage.directories.union(BaseImage.others) where path != "/" {
            #expect(BaseImage.directories.contains(GuestPath.split(path).parent), "\(path)")
        }
        #expect(BaseImage.directories.isDisjoint(with: BaseImage.others))
        #expect(BaseImage.contains("/") && BaseImage.contains("/bin/node") && !BaseImage.contains("/data"))
    }

    @Test("the skeleton has each path once, with its mode")
    func skeleton() {
        let modes = Dictionary(BaseImage.skeleton.map { ($0.path, $0.mode) }) { first, _ in first }
        #expect(modes.count == BaseImage.skeleton.count)
        #expect(modes["/tmp"] == 0o1777 && modes["/root"] == 0o700 && modes["/usr"] == 0o755)
        #expect(
            BaseImage.isSkeleton("/home/user") && !BaseImage.isSkeleton("/") && !BaseImage.isSkeleton("/data")
        )
    }

    @Test("the environment of guests has these names, sorted, and a PATH")
    func environment() {
        let names = BaseImage.environment.map(\.name)
        #expect(names == names.sorted() && names.count == 11)
        #expect(BaseImage.environment.first { $0.name == "HOME" }?.value == "/home/user")
    }

    @Test("additional instructions follow ours behind an empty line")
    func instructions() {
        #expect(BaseImage.instructions.hasSuffix("\n"))
        #expect(BaseImage.instructions(adding: nil) == BaseImage.instructions)
        #expect(BaseImage.instructions(adding: "") == BaseImage.instructions)
        #expect(BaseImage.instructions(adding: "More.") == BaseImage.instructions + "\nMore.")
    }
}
