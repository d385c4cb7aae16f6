// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Glibc

/// What `make test` puts into the environment.
enum Environment {
    static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    static let hasSidecar: Bool = value("AGENT_OS_SIDECAR_BIN") != nil && value("AGENTOS_TEST_PACKS") != nil
    /// The folder with the library and the programs.
    static let build: String = value("AGENTOS_BUILD_DIR") ?? "\(Repository.root)/build"
}
