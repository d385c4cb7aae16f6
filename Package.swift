// swift-tools-version: 6.0
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let root = Context.packageDirectory
let environment = Context.environment

/// One list for every Swift target, so that no target can drift from the house rules.
var swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // A single `contains` of that module would link the whole regular expression engine: 4 MB.
    .unsafeFlags(["-Xfrontend", "-disable-implicit-string-processing-module-import"]),
]
var cSettings: [CSetting] = []
if environment["AGENTOS_WARNINGS_AS_ERRORS"] != nil {
    swiftSettings.append(.unsafeFlags(["-warnings-as-errors"]))
    cSettings.append(.unsafeFlags(["-Werror", "-Wall", "-Wextra"]))
}

/// What makes the library a good guest: only `aos_*` is visible, it needs no Swift library, and it is never
/// unmapped under its own threads. For release alone: a version script in a debug test bundle makes every
/// ThreadSanitizer run crash, and a static standard library has no Testing to link with.
let releaseLinkerSettings: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-static-stdlib",
            "-Xlinker", "--version-script=\(root)/Sources/AgentOSFacade/exports.map",
            "-Xlinker", "-soname=libagentos.so.0",
            "-Xlinker", "-z", "-Xlinker", "nodelete",
            "-Xlinker", "--gc-sections",
            "-Xlinker", "-s",
        ], .when(configuration: .release))
]

let package = Package(
    name: "libagentos",
    products: [
        .library(name: "agentos", type: .dynamic, targets: ["AgentOSFacade"]),
        .executable(name: "agentos-scripted-sidecar", targets: ["ScriptedSidecar"]),
        .executable(name: "bare-generator", targets: ["BareGenerator"]),
        .executable(name: "agentos-benchmarks", targets: ["AgentOSBenchmarks"]),
        .executable(name: "agentos-fuzz", targets: ["AgentOSFuzzing"]),
    ],
    targets: [
        .systemLibrary(name: "CAgentOS", path: "include"),
        .systemLibrary(name: "CFFI", pkgConfig: "libffi", providers: [.apt(["libffi-dev"])]),
        .target(name: "CAgentOSShims", cSettings: cSettings),
        .target(name: "AgentOSSystem", dependencies: ["CAgentOSShims"], swiftSettings: swiftSettings),
        .target(name: "AgentOSBare", swiftSettings: swiftSettings),
        .target(name: "AgentOSWire", dependencies: ["AgentOSBare", "AgentOSSystem", "CAgentOSShims"], swiftSettings: swiftSettings),
        .target(
            name: "AgentOSTransport", dependencies: ["AgentOSWire", "AgentOSSystem", "CAgentOSShims"],
            swiftSettings: swiftSettings),
        .target(
            name: "AgentOSClient", dependencies: ["AgentOSTransport", "AgentOSWire", "AgentOSSystem"],
            swiftSettings: swiftSettings),
        .target(
            name: "AgentOSFacade",
            dependencies: ["AgentOSClient", "AgentOSSystem", "CAgentOS", "CFFI", "CAgentOSShims"],
            exclude: ["exports.map"], swiftSettings: swiftSettings, linkerSettings: releaseLinkerSettings),
        .executableTarget(name: "BareGenerator", swiftSettings: swiftSettings),
        .executableTarget(
            name: "ScriptedSidecar", dependencies: ["AgentOSWire"], swiftSettings: swiftSettings),
        .executableTarget(
            name: "AgentOSBenchmarks", dependencies: ["AgentOSBare", "AgentOSWire", "AgentOSSystem"],
            swiftSettings: swiftSettings),
        .systemLibrary(name: "CFuzzer"),
        .executableTarget(
            name: "AgentOSFuzzing", dependencies: ["AgentOSBare", "AgentOSWire", "AgentOSSystem", "CFuzzer"],
            swiftSettings: swiftSettings),
        .target(
            name: "AgentOSTestSupport", dependencies: ["CAgentOSShims"], path: "Tests/AgentOSTestSupport",
            swiftSettings: swiftSettings),
        .testTarget(
            name: "AgentOSBareTests", dependencies: ["AgentOSBare", "AgentOSTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "AgentOSWireTests",
            dependencies: [
                "AgentOSWire", "AgentOSBare", "AgentOSSystem", "AgentOSFuzzing", "CAgentOSShims",
                "AgentOSTestSupport",
            ], swiftSettings: swiftSettings),
        .testTarget(
            name: "RepositoryTests", dependencies: ["AgentOSTestSupport", "BareGenerator"],
            swiftSettings: swiftSettings),
    ]
)
