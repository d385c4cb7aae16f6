// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import AgentOSSystem

@Suite("SystemError")
struct SystemErrorTests {
    static let texts: [(Int32, String)] = [
        (ENOENT, "No such file or directory"), (EACCES, "Permission denied"), (EPIPE, "Broken pipe"),
        (EAGAIN, "Resource temporarily unavailable"), (EMFILE, "Too many open files"), (0, "Success"),
        (9999, "Unknown error"), (-1, "Unknown error"),
    ]

    @Test("a number has the text of the C library, whatever the locale", arguments: texts)
    func text(number: Int32, text: String) {
        #expect(SystemError(number).text == text)
        #expect(SystemError(number).osErrorText == "\(text) (os error \(number))")
    }

    @Test("the current error is that of the system call that has just failed")
    func current() {
        #expect(close(-1) == -1)
        #expect(SystemError.current == SystemError(EBADF))
        #expect(SystemError.wouldBlock.number == EAGAIN)
    }
}
