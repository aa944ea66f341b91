package host

import (
	"reflect"
	"strings"
	"testing"

	"blackhole/spec"
)

func TestUser(t *testing.T) {
	h := fake(t, map[string]string{
		"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nredis:x:102:105::/var/lib/redis:/bin/false\n",
		"/etc/group":  "root:x:0:\nadm:x:4:redis,other\nredis:x:105:\nssl:x:7:redis\nbig:x:4:redis\n",
		// A service's own, in which names mean something else.
		"/srv/root/etc/passwd": "redis:x:1:2::/data:/bin/sh\n",
		"/srv/root/etc/group":  "adm:x:40:\n",
		"/srv/empty/":          "",
		// One that would read the host's.
		"/srv/evil/etc/passwd -> ../../../etc/passwd": "",
		"/srv/evil/etc/group":                         "",
	})
	for _, row := range []struct {
		rootfs, user, group string
		want                spec.User
		err                 string
	}{
		{"/", "", "", spec.User{Home: "/root"}, ""},
		{"host", "redis", "", spec.User{UID: 102, GID: 105, AdditionalGIDs: []uint32{4, 7}, Home: "/var/lib/redis"}, ""},
		{"", "102", "", spec.User{UID: 102, GID: 105, AdditionalGIDs: []uint32{4, 7}, Home: "/var/lib/redis"}, ""},
		{"/", "redis", "redis", spec.User{UID: 102, GID: 105, AdditionalGIDs: []uint32{4, 7}, Home: "/var/lib/redis"}, ""},
		{"/", "redis", "adm", spec.User{UID: 102, GID: 4, AdditionalGIDs: []uint32{7}, Home: "/var/lib/redis"}, ""},
		{"/", "redis", "77", spec.User{UID: 102, GID: 77, AdditionalGIDs: []uint32{4, 7}, Home: "/var/lib/redis"}, ""},
		{"/", "", "adm", spec.User{GID: 4, Home: "/root"}, ""},
		{"/", "4000", "", spec.User{UID: 4000, Home: "/"}, ""},
		{"/", "4000", "4001", spec.User{UID: 4000, GID: 4001, Home: "/"}, ""},
		{"/srv/root", "redis", "adm", spec.User{UID: 1, GID: 40, Home: "/data"}, ""},
		{"/srv/root", "", "", spec.User{Home: "/"}, ""},
		{"/srv/empty", "7", "8", spec.User{UID: 7, GID: 8, Home: "/"}, ""},
		{"/", "nobody", "", spec.User{}, `cannot find user "nobody": no such entry in /etc/passwd`},
		{"/srv/empty", "redis", "", spec.User{}, `cannot find user "redis": no such entry in /srv/empty/etc/passwd`},
		{"/", "redis", "wheel", spec.User{}, `cannot find group "wheel": no such entry in /etc/group`},
		{"/", "redis:adm", "", spec.User{}, "a name holds no colon"},
		{"/", "-1", "", spec.User{}, "-1"},
		{"/", "4294967295", "", spec.User{}, "4294967295"},
		{"/srv/nosuch", "1", "", spec.User{}, "no such file"},
		{"/srv/evil", "redis", "", spec.User{}, "escapes"},
	} {
		got, err := h.User(row.rootfs, row.user, row.group)
		if row.err != "" {
			if err == nil || !strings.Contains(err.Error(), row.err) {
				t.Errorf("%s %q:%q: got %+v, %v; want %q", row.rootfs, row.user, row.group, got, err, row.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s %q:%q: got %+v, %v; want %+v", row.rootfs, row.user, row.group, got, err, row.want)
		}
	}
}
