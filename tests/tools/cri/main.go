// Cri calls one method of a container runtime's CRI socket (Kubernetes' Container
// Runtime Interface, version 1) and prints the answer, both as JSON:
//
//	cri /run/containerd/containerd.sock RunPodSandbox '{"config": {…}}'
//	cri /run/containerd/containerd.sock ListContainers <request.json
//
// The names are those of the interface's api.proto; bytes are in base64. It is
// what the tests have in the place of crictl.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// patience is what a call may take; a pod's start is the longest.
const patience = time.Minute

func main() {
	if err := run(os.Args[1:]); err != nil {
		message := err.Error()
		if s, ok := status.FromError(err); ok {
			message = s.Message()
		}
		fmt.Fprintln(os.Stderr, "cri:", message)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 || len(args) > 3 {
		return errors.New("usage: cri SOCKET METHOD [REQUEST], the request on standard input without it")
	}
	method, err := find(args[1])
	if err != nil {
		return err
	}
	text, err := request(args[2:])
	if err != nil {
		return err
	}
	in, out := dynamicpb.NewMessage(method.Input()), dynamicpb.NewMessage(method.Output())
	if err := protojson.Unmarshal(text, in); err != nil {
		return fmt.Errorf("cannot read the request: %w", err)
	}
	conn, err := grpc.NewClient("unix://"+args[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := conn.Invoke(ctx, fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name()), in, out); err != nil {
		return err
	}
	answer, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(out)
	if err != nil {
		return err
	}
	fmt.Println(string(answer))
	return nil
}

func request(args []string) ([]byte, error) {
	if len(args) > 0 {
		return []byte(args[0]), nil
	}
	return io.ReadAll(os.Stdin)
}

// find looks in both services, RuntimeService and ImageService.
func find(name string) (protoreflect.MethodDescriptor, error) {
	services := v1.File_staging_src_k8s_io_cri_api_pkg_apis_runtime_v1_api_proto.Services()
	for i := range services.Len() {
		if m := services.Get(i).Methods().ByName(protoreflect.Name(name)); m != nil && !m.IsStreamingServer() {
			return m, nil
		}
	}
	return nil, fmt.Errorf("there is no method %q in the CRI", name)
}
