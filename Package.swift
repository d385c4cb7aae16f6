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
]
/// Hidden: the shims are for our own Swift alone, and their names begin as the exported ones do.
var cSettings: [CSetting] = [.unsafeFlags(["-fvisibility=hidden", "-ffunction-sections", "-fdata-sections"])]
if environment["AGENTOS_WARNINGS_AS_ERRORS"] != nil {
    swiftSettings.append(.unsafeFlags(["-warnings-as-errors"]))
    cSettings.append(.unsafeFlags(["-Werror", "-Wall", "-Wextra"]))
}

/// For what goes into the library: small, and nothing in it that is not called.
let librarySettings: [SwiftSetting] =
    swiftSettings + [
        // A single `contains` of that module would link the whole regular expression engine: 4 MB.
        .unsafeFlags(["-Xfrontend", "-disable-implicit-string-processing-module-import"]),
        // The linker leaves out what is not called, such as half of the JSON form, and nothing asks types for
        // their fields.
        .unsafeFlags(
            [
                "-Xfrontend", "-function-sections", "-Xfrontend", "-internalize-at-link",
                "-Xfrontend", "-disable-reflection-metadata",
                // What changes lies in locks. The check at run time costs more than the lock does; tests have
                // it on.
                "-enforce-exclusivity=unchecked",
            ],
            .when(configuration: .release)
        ),
    ]

/// For what runs a few times a call: half a megabyte less, and no measurable time.
let smallSettings: [SwiftSetting] = [.unsafeFlags(["-Osize"], .when(configuration: .release))]

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
            // lld, which comes with Swift: gold leaves local names of ours among the dynamic symbols.
            "-use-ld=lld",
            "-Xlinker", "--gc-sections",
            // Functions of one content once: Swift makes many, of generic code above all.
            "-Xlinker", "--icf=all",
            // Half a megabyte of relocations in 10 KB. glibc 2.36, and the library needs a later one anyway.
            "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs",
            // What calls run through lies side by side: scripts/order-functions.sh says why, and writes the list.
            "-Xlinker", "--symbol-ordering-file=\(root)/Sources/AgentOSFacade/Generated/functions.order",
            "-Xlinker", "--no-warn-symbol-ordering",
        ] + (environment["AGENTOS_KEEP_SYMBOLS"] == nil ? ["-Xlinker", "-s"] : []),
        .when(configuration: .release)
    )
]

let hostTesting: [Target.Dependency] = [
    "AgentOSHostTesting", "AgentOSTestSupport", "AgentOSWire", "CAgentOS",
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
        .target(
            name: "AgentOSSystem",
            dependencies: ["CAgentOSShims"],
            swiftSettings: librarySettings + smallSettings
        ),
        .target(name: "AgentOSBare", swiftSettings: librarySettings),
        .target(
            name: "AgentOSWire",
            dependencies: ["AgentOSBare", "AgentOSSystem", "CAgentOSShims"],
            swiftSettings: librarySettings + smallSettings
        ),
        .target(
            name: "AgentOSTransport",
            dependencies: ["AgentOSWire", "AgentOSSystem", "CAgentOSShims"],
            swiftSettings: librarySettings + smallSettings
        ),
        .target(
            name: "AgentOSClient",
            dependencies: ["AgentOSTransport", "AgentOSWire", "AgentOSSystem"],
            swiftSettings: librarySettings + smallSettings
        ),
        .target(
            name: "AgentOSFacade",
            dependencies: ["AgentOSClient", "AgentOSSystem", "CAgentOS", "CFFI", "CAgentOSShims"],
            exclude: ["exports.map", "Generated"],
            swiftSettings: librarySettings + smallSettings,
            linkerSettings: releaseLinkerSettings
        ),
        .executableTarget(name: "BareGenerator", swiftSettings: swiftSettings),
        .executableTarget(
            name: "ScriptedSidecar",
            dependencies: ["AgentOSWire"],
            swiftSettings: swiftSettings
        ),
        // In C: it calls the library as it is shipped, through its header, and its comparator has to be C
        // anyway.
        .executableTarget(
            name: "AgentOSBenchmarks",
            exclude: ["asyncio_completions.py"],
            cSettings: cSettings + [.headerSearchPath("../../include")]
        ),
        .systemLibrary(name: "CFuzzer"),
        .executableTarget(
            name: "AgentOSFuzzing",
            dependencies: ["AgentOSBare", "AgentOSWire", "AgentOSSystem", "CFuzzer"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "AgentOSTestSupport",
            dependencies: ["CAgentOSShims"],
            path: "Tests/AgentOSTestSupport",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "AgentOSBareTests",
            dependencies: ["AgentOSBare", "AgentOSTestSupport"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "AgentOSWireTests",
            dependencies: [
                "AgentOSWire", "AgentOSBare", "AgentOSSystem", "AgentOSFuzzing", "CAgentOSShims",
                "AgentOSTestSupport",
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "AgentOSHostTesting",
            dependencies: [
                "AgentOSFacade", "CAgentOS", "AgentOSWire", "AgentOSTestSupport", "ScriptedSidecar",
            ],
            path: "Tests/AgentOSHostTesting",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "AgentOSSystemTests",
            dependencies: ["AgentOSSystem", "AgentOSTestSupport", "CAgentOSShims"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "AgentOSTransportTests",
            dependencies: [
                "AgentOSTransport", "AgentOSWire", "AgentOSSystem", "AgentOSTestSupport", "ScriptedSidecar",
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "AgentOSClientTests",
            dependencies: [
                "AgentOSClient", "AgentOSTransport", "AgentOSWire", "AgentOSSystem", "AgentOSTestSupport",
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "AgentOSFacadeTests",
            dependencies: [
                "AgentOSFacade", "AgentOSClient", "AgentOSSystem", "CAgentOS", "AgentOSHostTesting",
                "AgentOSTestSupport",
            ],
            exclude: ["Programs"],
            swiftSettings: swiftSettings
        ),
        // Behaviour, through the C interface: against the scripted peer and the real sidecar.
        .testTarget(name: "LifecycleTests", dependencies: hostTesting, swiftSettings: swiftSettings),
        .testTarget(name: "VMTests", dependencies: hostTesting, swiftSettings: swiftSettings),
        .testTarget(name: "ProcessTests", dependencies: hostTesting, swiftSettings: swiftSettings),
        .testTarget(name: "NetworkTests", dependencies: hostTesting, swiftSettings: swiftSettings),
        .testTarget(name: "RandomTests", dependencies: hostTesting, swiftSettings: swiftSettings),
        .testTarget(
            name: "HeaderTests",
            dependencies: ["AgentOSFacade", "CAgentOS", "AgentOSTestSupport"],
            exclude: ["exports.txt"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ExamplesTests",
            dependencies: ["AgentOSTestSupport"],
            exclude: ["Programs"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "RepositoryTests",
            dependencies: ["AgentOSTestSupport", "BareGenerator"],
            swiftSettings: swiftSettings
        ),
    ]
)
