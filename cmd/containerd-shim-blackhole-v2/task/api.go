// Package task is the shim's service: containerd's task API on package runtime,
// one file a verb. It starts no program for what the runtime can do.
package task

import (
	"context"

	api "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/ttrpc"
)

var _ api.TTRPCTaskService = (*Service)(nil)

// versions are the names of the API. Their messages are the same on the wire;
// containerd 1.x knows the first alone, and 2.x asks for what the shim announced
// when it was started.
func versions() []string { return []string{"containerd.task.v2.Task", "containerd.task.v3.Task"} }

// RegisterTTRPC adds the service to a server.
func (s *Service) RegisterTTRPC(server *ttrpc.Server) error {
	for _, name := range versions() {
		server.RegisterService(name, &ttrpc.ServiceDesc{Methods: map[string]ttrpc.Method{
			"State":      method(s.State),
			"Create":     method(s.Create),
			"Start":      method(s.Start),
			"Delete":     method(s.Delete),
			"Pids":       method(s.Pids),
			"Pause":      method(s.Pause),
			"Resume":     method(s.Resume),
			"Checkpoint": method(s.Checkpoint),
			"Kill":       method(s.Kill),
			"Exec":       method(s.Exec),
			"ResizePty":  method(s.ResizePty),
			"CloseIO":    method(s.CloseIO),
			"Update":     method(s.Update),
			"Wait":       method(s.Wait),
			"Stats":      method(s.Stats),
			"Connect":    method(s.Connect),
			"Shutdown":   method(s.Shutdown),
		}})
	}
	return nil
}

// method is a call as the server makes it; errors get their gRPC codes here.
func method[Request, Response any](call func(context.Context, *Request) (*Response, error)) ttrpc.Method {
	return func(ctx context.Context, unmarshal func(any) error) (any, error) {
		var r Request
		if err := unmarshal(&r); err != nil {
			return nil, err
		}
		answer, err := call(ctx, &r)
		if err != nil {
			return nil, errgrpc.ToGRPC(err)
		}
		return answer, nil
	}
}
