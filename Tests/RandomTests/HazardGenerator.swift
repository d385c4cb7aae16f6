// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport

/// Random calls, right and wrong.
///
/// Left out, for the library cannot help there: much output in one write, links inside of a `memory` mount made
/// by guests, guests that take directories away or lock files, and names with control bytes made by guests.
struct HazardGenerator {
    private var random: SeededGenerator
    private let paths: HazardPaths

    init(seed: UInt64, host: String) {
        random = SeededGenerator(seed: seed)
        paths = HazardPaths(host: host)
    }

    private mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }

    private mutating func any<Element>(_ list: [Element]) -> Element { list[number(0..<list.count)] }

    private mutating func path() -> String { number(0..<5) < 3 ? any(paths.usual) : any(paths.odd) }

    mutating func next() -> HazardCall {
        switch number(0..<100) {
        case ..<60: return .file(fileStep())
        case ..<64: return .truncate(path(), any(HazardPaths.sizes))
        case ..<68: return .changeMode(path(), any(HazardPaths.modes))
        case ..<70: return .owner(path(), any([0, 1000, .max]))
        case ..<72: return .times(path(), any([0, 1, 1_700_000_000_000, 1 << 53, .max]))
        case ..<74: return .readFiles((0..<number(0..<5)).map { _ in path() })
        case ..<82:
            return .request(
                any(HazardPaths.operations),
                path(),
                number(0..<2) == 0 ? path() : any(paths.texts)
            )
        case ..<88: return .program(program())
        case ..<93: return .process(any(HazardCall.ProcessCall.allCases), target())
        case ..<95: return .fetch(any([0, 1, 80, 3000, 65535, 65536, .max]))
        case ..<97: return .findListener(any(HazardPaths.queries))
        default: return .layer(any(HazardCall.LayerCall.allCases), number(0..<1000))
        }
    }

    private mutating func target() -> HazardCall.Target {
        switch number(0..<3) {
        case 0: .ended
        case 1: .released
        default: .id(any([0, 1, 2, 3, 1000, 1 << 52, 1 << 53, .max]))
        }
    }

    private mutating func content() -> [UInt8] {
        switch number(0..<8) {
        case 0: []
        case 1: [UInt8](repeating: 0xFF, count: 200_000)
        default: Array("some text \(number(0..<100))".utf8)
        }
    }

    private mutating func fileStep() -> FileStep {
        switch number(0..<26) {
        case 0...3: .write(path(), content())
        case 4: .writeFiles((0..<number(0..<4)).map { _ in path() }, content())
        case 5: .read(path())
        case 6, 7: .makeDirectory(path(), recursive: number(0..<2) == 0)
        case 8, 9: .remove(path(), recursive: number(0..<2) == 0)
        case 10: .unlink(path())
        case 11: .removeDirectory(path())
        case 12...14: .rename(path(), to: path())
        case 15...17: .move(path(), to: path())
        case 18, 19: .symlink(any(paths.texts), at: path())
        case 20: .link(path(), to: path())
        case 21: .readLink(path())
        case 22: .exists(path())
        case 23: number(0..<2) == 0 ? .stat(path()) : .lstat(path())
        case 24: .list(path())
        default: number(0..<3) == 0 ? .walk(any(paths.usual)) : .realPath(path())
        }
    }

    /// Some changes, each of which may fail.
    private mutating func program() -> String {
        let lines = (0..<number(1..<4)).map { _ in "try { \(statement()) } catch (e) {}" }
        return "const fs = require('fs'); " + lines.joined(separator: " ")
    }

    private mutating func statement() -> String {
        let plain = paths.usual.filter { !$0.hasPrefix("/memory") }
        let (path, other) = (any(paths.usual), any(plain))
        // The client's directories stay: files alone are renamed and removed.
        let isFile = "fs.lstatSync('\(path)').isFile()"
        switch number(0..<6) {
        case 0: return "fs.writeFileSync('\(path)', 'guest')"
        case 1: return "if (\(isFile)) fs.unlinkSync('\(path)')"
        case 2: return "if (\(isFile)) fs.renameSync('\(path)', '\(other)')"
        // Below a file that the client wrote a directory would end the sidecar with the program.
        case 3:
            return
                "if (fs.statSync(require('path').dirname('\(path)')).isDirectory()) fs.mkdirSync('\(path)')"
        case 4: return "fs.appendFileSync('\(path)', 'more')"
        default:
            // Over a directory of the client's the call succeeds, and ends the sidecar.
            return
                "let isFree = false; try { fs.lstatSync('\(other)') } catch (e) { isFree = true } "
                + "if (isFree) fs.symlinkSync('\(any(guestTexts))', '\(other)')"
        }
    }

    /// A guest's link into `/proc` or to another mount ends the sidecar with the program.
    private var guestTexts: [String] {
        paths.texts.filter {
            !$0.isEmpty && !$0.utf8.contains(0) && $0.utf8.count < 200
                && !["/proc", "/mnt", "/memory"].contains(where: $0.hasPrefix)
        }
    }
}
