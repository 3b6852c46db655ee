// Command template serves one of the templates that spire-plugin-sdk gives authors to begin with, compiled as they are. Its
// argument says which.
package main

import (
	"fmt"
	"os"

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
	agentkeymanager "github.com/spiffe/spire-plugin-sdk/templates/agent/keymanager"
	agentnodeattestor "github.com/spiffe/spire-plugin-sdk/templates/agent/nodeattestor"
	"github.com/spiffe/spire-plugin-sdk/templates/agent/svidstore"
	"github.com/spiffe/spire-plugin-sdk/templates/agent/workloadattestor"
	"github.com/spiffe/spire-plugin-sdk/templates/server/bundlepublisher"
	"github.com/spiffe/spire-plugin-sdk/templates/server/credentialcomposer"
	"github.com/spiffe/spire-plugin-sdk/templates/server/keymanager"
	"github.com/spiffe/spire-plugin-sdk/templates/server/nodeattestor"
	"github.com/spiffe/spire-plugin-sdk/templates/server/notifier"
	"github.com/spiffe/spire-plugin-sdk/templates/server/upstreamauthority"
)

// serve gives the templates' own main functions their place: a program can have but one.
func serve[P configv1.ConfigServer](plugin P, wrap func(P) pluginsdk.PluginServer) {
	pluginmain.Serve(wrap(plugin), configv1.ConfigServiceServer(plugin))
}

func main() {
	name := ""
	if len(os.Args) == 2 {
		name = os.Args[1]
	}
	switch name {
	case "server/KeyManager":
		serve(new(keymanager.Plugin), func(p *keymanager.Plugin) pluginsdk.PluginServer { return keymanagerv1.KeyManagerPluginServer(p) })
	case "server/NodeAttestor":
		serve(new(nodeattestor.Plugin), func(p *nodeattestor.Plugin) pluginsdk.PluginServer { return nodeattestorv1.NodeAttestorPluginServer(p) })
	case "server/UpstreamAuthority":
		serve(new(upstreamauthority.Plugin), func(p *upstreamauthority.Plugin) pluginsdk.PluginServer {
			return upstreamauthorityv1.UpstreamAuthorityPluginServer(p)
		})
	case "server/CredentialComposer":
		serve(new(credentialcomposer.Plugin), func(p *credentialcomposer.Plugin) pluginsdk.PluginServer {
			return credentialcomposerv1.CredentialComposerPluginServer(p)
		})
	case "server/Notifier":
		serve(new(notifier.Plugin), func(p *notifier.Plugin) pluginsdk.PluginServer { return notifierv1.NotifierPluginServer(p) })
	case "server/BundlePublisher":
		serve(new(bundlepublisher.Plugin), func(p *bundlepublisher.Plugin) pluginsdk.PluginServer {
			return bundlepublisherv1.BundlePublisherPluginServer(p)
		})
	case "agent/KeyManager":
		serve(new(agentkeymanager.Plugin), func(p *agentkeymanager.Plugin) pluginsdk.PluginServer {
			return agentkeymanagerv1.KeyManagerPluginServer(p)
		})
	case "agent/NodeAttestor":
		serve(new(agentnodeattestor.Plugin), func(p *agentnodeattestor.Plugin) pluginsdk.PluginServer {
			return agentnodeattestorv1.NodeAttestorPluginServer(p)
		})
	case "agent/WorkloadAttestor":
		serve(new(workloadattestor.Plugin), func(p *workloadattestor.Plugin) pluginsdk.PluginServer {
			return workloadattestorv1.WorkloadAttestorPluginServer(p)
		})
	case "agent/SVIDStore":
		serve(new(svidstore.Plugin), func(p *svidstore.Plugin) pluginsdk.PluginServer { return svidstorev1.SVIDStorePluginServer(p) })
	default:
		fmt.Fprintln(os.Stderr, "usage: template SIDE/TYPE")
		os.Exit(2)
	}
}
