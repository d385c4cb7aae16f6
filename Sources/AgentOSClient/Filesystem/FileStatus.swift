// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

extension GuestFilesystemStat {
    /// The public shape (filesystem.md 5.5). All numbers are integers, exact up to 64 bits.
    var publicJSON: JSONValue {
        .members([
            "mode": .number(mode), "size": .number(size), "blocks": .number(blocks), "dev": .number(dev),
            "rdev": .number(rdev), "isDirectory": .bool(isDirectory), "isSymbolicLink": .bool(isSymbolicLink),
            "atimeMs": .number(atimeMs), "mtimeMs": .number(mtimeMs), "ctimeMs": .number(ctimeMs),
            "birthtimeMs": .number(birthtimeMs), "ino": .number(ino), "nlink": .number(nlink),
            "uid": .number(uid),
            "gid": .number(gid),
        ])
    }
}
