// SPDX-License-Identifier: Apache-2.0

/// Programs that the library runs in a VM to move what does not fit one frame, and to read many files without
/// the scan that each request for one costs. For the `node` that every VM has: no pack is needed.
///
/// A call of the guest's file functions takes about 5 ms, however many are under way: so they are made many at
/// a time. Output goes by `writeSync`, for streams of such a guest decode what they get as text.
enum GuestPrograms {
    /// argv: a JSON array of paths.
    ///
    /// On stdout for each, in order: the length of a JSON header (4 bytes, big-endian), the header, and as many
    /// bytes as its `s` says. `{i,m,t,s}`: index, permissions, time of the last change in ms, size; with `d`: a
    /// directory; `{i,e}`: an error. `{end:1}` is the last.
    static let reader: String = #"""
        const fs = require('fs'), P = fs.promises, paths = JSON.parse(process.argv[1]);
        const BLOCK = 524288, PIECE = 1048576, AHEAD = 64, WINDOW = 4194304;
        const block = Buffer.allocUnsafe(BLOCK);
        let filled = 0;
        function flush() {
          for (let at = 0; at < filled;) at += fs.writeSync(1, block, at, filled - at);
          filled = 0;
        }
        function put(bytes) {
          for (let at = 0; at < bytes.length;) {
            const count = Math.min(BLOCK - filled, bytes.length - at);
            bytes.copy(block, filled, at, at + count);
            filled += count;
            at += count;
            if (filled === BLOCK) flush();
          }
        }
        function head(value) {
          const text = Buffer.from(JSON.stringify(value)), length = Buffer.alloc(4);
          length.writeUInt32BE(text.length, 0);
          put(length);
          put(text);
        }
        // Opening a pipe or a socket of the host would stop the sidecar.
        function file(stat) {
          const type = stat.mode & 0o170000;
          return type === 0o10000 || type === 0o140000 ? new Error('ENXIO: neither a file nor a directory') : stat;
        }
        function isDirectory(stat) { return (stat.mode & 0o170000) === 0o40000; }
        async function exactly(file, size, at) {
          const bytes = Buffer.alloc(size);
          for (let got = 0; got < size;) {
            const { bytesRead } = await file.read(bytes, got, size - got, at + got);
            if (bytesRead === 0) throw new Error('EIO: the file became shorter while it was read');
            got += bytesRead;
          }
          return bytes;
        }
        async function large(path, header) {
          const file = await P.open(path, 'r'), pieces = [];
          head(header);
          for (let sent = 0, asked = 0; sent < header.s;) {
            while (pieces.length < 4 && asked < header.s) {
              const size = Math.min(PIECE, header.s - asked);
              pieces.push(exactly(file, size, asked));
              asked += size;
            }
            const bytes = await pieces.shift();
            put(bytes);
            sent += bytes.length;
          }
          await file.close();
        }
        (async () => {
          const begun = new Map();
          let next = 0, ahead = 0;
          for (let i = 0; i < paths.length; i++) {
            if (i % AHEAD === 0) {
              const part = paths.slice(i, i + AHEAD);
              const stats = await Promise.all(part.map((p) => P.stat(p).then(file).catch((e) => e)));
              stats.forEach((s, k) => begun.set(i + k, { stat: s }));
              next = i;
            }
            for (; begun.has(next) && ahead < WINDOW; next++) {
              const entry = begun.get(next);
              if (entry.stat instanceof Error || isDirectory(entry.stat) || entry.stat.size > PIECE) continue;
              ahead += entry.stat.size;
              entry.content = P.readFile(paths[next]).catch((e) => e);
            }
            const { stat, content } = begun.get(i);
            begun.delete(i);
            if (stat instanceof Error) { head({ i, e: stat.message }); continue; }
            const header = { i, m: stat.mode & 0o7777, t: Math.round(stat.mtimeMs), s: stat.size };
            if (isDirectory(stat)) { head({ ...header, s: 0, d: 1 }); continue; }
            if (content === undefined) { await large(paths[i], header); continue; }
            const bytes = await content;
            ahead -= stat.size;
            if (bytes instanceof Error) { head({ i, e: bytes.message }); continue; }
            header.s = bytes.length;
            head(header);
            put(bytes);
          }
          head({ end: 1 });
          flush();
        })().catch((e) => { fs.writeSync(2, String(e && e.message || e)); process.exitCode = 1; });
        """#

    /// argv: target, directory of the parts, how many there are (`0`, `1`, ...), offset in the target. Prints
    /// the size of the target.
    static let joiner: String = #"""
        const fs = require('fs'), P = fs.promises;
        const [, target, folder, count, offset] = process.argv;
        (async () => {
          const file = await P.open(target, +offset === 0 ? 'w' : 'r+'), parts = [];
          let at = +offset;
          for (let i = 0, next = 0; i < +count; i++) {
            for (; next < +count && next < i + 8; next++) parts[next] = P.readFile(folder + '/' + next);
            const bytes = await parts[i];
            parts[i] = undefined;
            for (let done = 0; done < bytes.length;) {
              const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at);
              done += bytesWritten;
              at += bytesWritten;
            }
          }
          await file.close();
          fs.writeSync(1, String(at));
        })().catch((e) => { fs.writeSync(2, String(e && e.message || e)); process.exitCode = 1; });
        """#
}
