// Command plugin is a plugin of every type that spire-plugin-sdk knows, one at a time: what vendors' plugins look like to a
// host. Its argument says which. Each writes down what is asked of it, in the file that its configuration names.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spiffe/spire-plugin-sdk/pluginmain"
	"github.com/spiffe/spire-plugin-sdk/pluginsdk"
	agentkeymanagerv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/agent/keymanager/v1"
	agentnodeattestorv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/agent/nodeattestor/v1"
	svidstorev1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/agent/svidstore/v1"
	workloadattestorv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/agent/workloadattestor/v1"
	bundlepublisherv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/bundlepublisher/v1"
	credentialcomposerv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/credentialcomposer/v1"
	keymanagerv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/keymanager/v1"
	nodeattestorv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/nodeattestor/v1"
	notifierv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/notifier/v1"
	upstreamauthorityv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/upstreamauthority/v1"
	configv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/service/common/config/v1"
)

// plugins makes each type's plugin, and gives the part of it that takes the configuration.
var plugins = map[string]func() (pluginsdk.PluginServer, configv1.ConfigServer){
	"server/KeyManager": func() (pluginsdk.PluginServer, configv1.ConfigServer) {
		plugin := newKeyManager()
		return keymanagerv1.KeyManagerPluginServer(plugin), plugin
	},
	"server/NodeAttestor": func() (pluginsdk.PluginServer, configv1.ConfigServer) {
		plugin := new(nodeAttestor)
		return nodeattestorv1.NodeAttestorPluginServer(plugin), plugin
	},
	"server/UpstreamAuthority": func() (pluginsdk.PluginServer, configv1.ConfigServer) {
		plugin := newUpstreamAuthority()
		return upstreamauthorityv1.UpstreamAuthorityPluginServer(plugin), plugin
	},
	"server/CredentialComposer": func() (pluginsdk.PluginServer, configv1.ConfigServer) {
		plugin := new(credentialComposer)
		return credentialcomposerv1.CredentialComposerPluginServer(plugin), plugin
	},
	"server/Notifier": func() (pluginsdk.PluginServer, configv1.ConfigServer) {
		plugin := new(notifier)
		return notifierv1.NotifierPluginServer(plugin), plugin
	},
	"server/BundlePublisher": func() (pluginsdk.PluginServer, configv1.ConfigServer) {
		plugin := new(bundlePublisher)
		return bundlepublisherv1.BundlePublisherPluginServer(plugin), plugin
	},
	"agent/KeyManager": func() (pluginsdk.PluginServer, configv1.ConfigServer) {
		plugin := newAgentKeyManager()
		return agentkeymanagerv1.KeyManagerPluginServer(plugin), plugin
	},
	"agent/NodeAttestor": func() (pluginsdk.PluginServer, configv1.ConfigServer) {
		plugin := new(agentNodeAttestor)
		return agentnodeattestorv1.NodeAttestorPluginServer(plugin), plugin
	},
	"agent/WorkloadAttestor": func() (pluginsdk.PluginServer, configv1.ConfigServer) {
		plugin := new(workloadAttestor)
		return workloadattestorv1.WorkloadAttestorPluginServer(plugin), plugin
	},
	"agent/SVIDStore": func() (pluginsdk.PluginServer, configv1.ConfigServer) {
		plugin := new(svidStore)
		return svidstorev1.SVIDStorePluginServer(plugin), plugin
	},
}

func main() {
	if len(os.Args) == 2 {
		if makePlugin, ok := plugins[os.Args[1]]; ok {
			plugin, config := makePlugin()
			pluginmain.Serve(plugin, configv1.ConfigServiceServer(config))
		}
	}
	known := make([]string, 0, len(plugins))
	for name := range plugins {
		known = append(known, name)
	}
	slices.Sort(known)
	fmt.Fprintf(os.Stderr, "usage: plugin %s\n", strings.Join(known, "|"))
	os.Exit(2)
}
