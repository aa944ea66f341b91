package params

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Kubernetes' annotations of a pod's bandwidth, in bits a second
// (https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/#support-traffic-shaping).
const (
	KubernetesIngress = "kubernetes.io/ingress-bandwidth"
	KubernetesEgress  = "kubernetes.io/egress-bandwidth"
)

// sandboxMember tells of a container that shares the network of its pod's
// sandbox: the sandbox has the pod's annotations too, and it is where the pod's
// network is shaped. The keys are those of containerd's CRI plugin and of CRI-O.
func sandboxMember(annotations map[string]string) bool {
	return annotations["io.kubernetes.cri.container-type"] == "container" ||
		annotations["io.kubernetes.cri-o.ContainerType"] == "container"
}

// The bounds that Kubernetes puts on a bandwidth (pkg/util/bandwidth), in bits a
// second. The lower one is under minRate, which is what holds here.
const (
	leastBandwidth = minRate * 8
	mostBandwidth  = 1e15
)

// parseBandwidth reads a Kubernetes quantity (apimachinery, pkg/api/resource) of
// bits a second as bytes a second, to the nearest byte. More than any link
// carries is the most that can be shaped, not a fault.
func parseBandwidth(text string) (uint64, error) {
	bits, err := parseQuantity(text)
	switch {
	case err != nil:
		return 0, err
	case bits < leastBandwidth:
		return 0, errors.New("less than 8k, the least that can be shaped")
	case bits > mostBandwidth:
		return 0, errors.New("more than 1P, the most that Kubernetes allows")
	}
	return min(uint64(math.Round(bits/8)), maxRate), nil
}

// quantityUnit is a suffix's factor, 0 for none: powers of 1000 or of 1024,
// n, u and m are fractions.
func quantityUnit(suffix string) float64 {
	base := 1000.0
	if len(suffix) == 2 && suffix[1] == 'i' {
		if suffix[0] == 'k' {
			return 0 // it is Ki, but k
		}
		base, suffix = 1024, suffix[:1]
		if suffix == "K" {
			suffix = "k"
		}
	}
	if suffix == "" {
		return 1
	}
	if power := strings.Index("kMGTPE", suffix); power >= 0 && len(suffix) == 1 {
		return math.Pow(base, float64(power+1))
	}
	if power := strings.Index("mun", suffix); power >= 0 && len(suffix) == 1 && base == 1000 {
		return math.Pow(base, -float64(power+1))
	}
	return 0
}

// parseQuantity reads digits, a dot among them if any, and a suffix or a decimal
// exponent.
func parseQuantity(text string) (float64, error) {
	malformed := errors.New("not a quantity of bits a second such as 10M, 1Gi or 500k")
	number := strings.TrimPrefix(text, "+")
	end := strings.IndexFunc(number, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	suffix := ""
	if end >= 0 {
		number, suffix = number[:end], number[end:]
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, malformed
	}
	if unit := quantityUnit(suffix); unit != 0 {
		return value * unit, nil
	}
	if suffix[0] != 'e' && suffix[0] != 'E' {
		return 0, malformed
	}
	exponent, err := strconv.ParseInt(suffix[1:], 10, 16)
	if err != nil {
		return 0, malformed
	}
	if value == 0 { // times infinity is no number
		return 0, nil
	}
	return value * math.Pow(10, float64(exponent)), nil
}

// setKubernetes reads one of Kubernetes' annotations. One of our own for the
// same direction has the say.
func (p *Params) setKubernetes(name, value string, annotations map[string]string) error {
	rate, own := &p.IngressRate, Prefix+"ingress-rate"
	if name == KubernetesEgress {
		rate, own = &p.EgressRate, Prefix+"egress-rate"
	}
	n, err := parseBandwidth(value)
	if err != nil {
		return fmt.Errorf("cannot read annotation %s=%q: %w", name, value, err)
	}
	if _, ok := annotations[own]; !ok {
		*rate = n
	}
	return nil
}
