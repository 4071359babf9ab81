# What a guest image without a policy of its own allows: everything. The same
# stance as the policy that guest images ship with.
package agent_policy

AddARPNeighborsRequest := true
CloseStdinRequest := true
CopyFileRequest := true
CreateContainerRequest := true
CreateSandboxRequest := true
DestroySandboxRequest := true
ExecProcessRequest := true
GetOOMEventRequest := true
GuestDetailsRequest := true
OnlineCPUMemRequest := true
ReadStreamRequest := true
RemoveContainerRequest := true
SetPolicyRequest := true
SignalProcessRequest := true
StartContainerRequest := true
StatsContainerRequest := true
TtyWinResizeRequest := true
UpdateContainerRequest := true
UpdateEphemeralMountsRequest := true
UpdateInterfaceRequest := true
UpdateRoutesRequest := true
WaitProcessRequest := true
WriteStreamRequest := true
