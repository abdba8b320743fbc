//go:build tools

package main

import _ "github.com/Khan/genqlient"
