// Command task asks a containerd for what its ctr cannot: it changes the limits
// of a task, and prints its metrics and processes whole.
//
//	task SOCKET NAMESPACE update ID RESOURCES-AS-JSON
//	task SOCKET NAMESPACE checkpoint ID [exit]
//	task SOCKET NAMESPACE metrics|pids ID
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	stats1 "github.com/containerd/cgroups/v3/cgroup1/stats"
	stats2 "github.com/containerd/cgroups/v3/cgroup2/stats"
	"github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "task:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 4 {
		return fmt.Errorf("takes SOCKET NAMESPACE VERB ID, not %q", args)
	}
	conn, err := grpc.NewClient("unix://"+args[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	// The metadata by which containerd knows the namespace.
	ctx = metadata.AppendToOutgoingContext(ctx, "containerd-namespace", args[1])
	// The generated client is not there under the product's build tag no_grpc.
	call := func(method string, request, answer any) error {
		return conn.Invoke(ctx, "/containerd.services.tasks.v1.Tasks/"+method, request, answer)
	}
	switch verb, id := args[2], args[3]; verb {
	case "update":
		if len(args) != 5 {
			return fmt.Errorf("update takes ID RESOURCES-AS-JSON")
		}
		resources := &anypb.Any{TypeUrl: "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources", Value: []byte(args[4])}
		return call("Update", &tasks.UpdateTaskRequest{ContainerID: id, Resources: resources}, &emptypb.Empty{})
	case "checkpoint":
		o, err := typeurl.MarshalAnyToProto(&options.CheckpointOptions{Exit: len(args) == 5 && args[4] == "exit"})
		if err != nil {
			return err
		}
		return call("Checkpoint", &tasks.CheckpointTaskRequest{ContainerID: id, Options: o}, &tasks.CheckpointTaskResponse{})
	case "metrics":
		var answer tasks.MetricsResponse
		if err := call("Metrics", &tasks.MetricsRequest{Filters: []string{"id==" + id}}, &answer); err != nil {
			return err
		}
		for _, m := range answer.Metrics {
			figures, err := typeurl.UnmarshalAny(m.Data)
			if err != nil {
				return err
			}
			switch figures.(type) {
			case *stats1.Metrics, *stats2.Metrics:
			default:
				return fmt.Errorf("metrics of type %T", figures)
			}
			if err := json.NewEncoder(os.Stdout).Encode(figures); err != nil {
				return err
			}
		}
		return nil
	case "pids":
		var answer tasks.ListPidsResponse
		if err := call("ListPids", &tasks.ListPidsRequest{ContainerID: id}, &answer); err != nil {
			return err
		}
		for _, p := range answer.Processes {
			fmt.Println(p.Pid, string(p.Info.GetTypeUrl()))
		}
		return nil
	default:
		return fmt.Errorf("unknown verb %q", verb)
	}
}
