package main

import _ "embed"

// defaultConfigText is what `bobbin config` prints. A test loads it and
// compares it with defaultConfig.
//
//go:embed default.yaml
var defaultConfigText string
