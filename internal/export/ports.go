package export

import (
	"slices"
	"strconv"
	"strings"
)

// overTCP are the TCP ports at which Wireshark 4.0 looks for another protocol before it
// looks for SIP, and believes to have found it: measured with a REGISTER and a 200 OK
// between port 5061 and every other one. At 5061 itself its TLS leaves alone what is no
// TLS, and at 5060 SIP comes first.
const overTCP = "" +
	"7 13 19-23 25 37 42-43 49 53 70 79-80 88 102 110-111 119 123 139 143 161-162 179 210 323 389 427 445 464 500 " +
	"512-515 524 547-548 554 564 587 631 639 647 674 705 854 862 873 925 988 1080 1090 1099 1102 1153 1194 1213 " +
	"1344 1433 1533 1547 1723 1861 1863 1883 1900 1935 2099 2123 2126 2152 2234 2240 2269 2321-2322 2345 2401 2404 " +
	"2427 2433 2501-2502 2571 2575 2600 2710 2727 2812 2869 2944-2945 3014 3016-3019 3128 3132 3245-3248 3268 3288 " +
	"3306 3357 3369 3452 3478 3632 3671 3689 3724 3804 3860 3863 3868 3918 4002 4155 4189 4223 4342 4420 4551 " +
	"4555-4556 4712 4730 4739 4788 4840 4880 5010 5084 5222 5253 5353 5432 5445 5500-5501 5534 5672 5683 5701 " +
	"5900-5901 5985 5997 6000-6063 6068 6084 6121 6160 6346 6379 6417 6653 6667-6668 6881-6889 7000 7075 7171-7172 " +
	"7236 7275-7276 7871 7911 8009 8023 8074 8080 8085 8088 8554 8567 9009 9092 9300 9418 9955-9956 10288 11211 " +
	"11371 13400 14001 15740 17500 17755-17756 19006 19042-19043 19506 19543 21064 22222 24800 29418 34980 " +
	"44321-44322 44818 48049 48898 57000"

// overUDP are those of them at which it does so over UDP as well.
const overUDP = "" +
	"7 13 19 37 49 53 111 123 389 427 464 500 513-514 524 547 631 854 925 1153 1194 1900 2099 2123 2152 2269 2345 " +
	"2944-2945 3357 3452 3671 3804 3863 4342 4551 4555 5353 5683 6160 7075 7275 9955-9956 11211 13400 17500 " +
	"17755-17756 22222 34980 44818"

// listening are the ports of Expressway and CUCM: over UDP too none of them is claimed.
const listening = "5060-5062 5090-5091 7001-7010"

var claimedTCP, claimedUDP, listens = parsePorts(overTCP), parsePorts(overUDP), parsePorts(listening)

type portRange struct{ from, to uint16 }

func parsePorts(s string) (all []portRange) {
	for _, w := range strings.Fields(s) {
		from, to, ok := strings.Cut(w, "-")
		if !ok {
			to = from
		}
		a, _ := strconv.ParseUint(from, 10, 16)
		b, _ := strconv.ParseUint(to, 10, 16)
		all = append(all, portRange{uint16(a), uint16(b)})
	}
	return all
}

// claimed reports whether Wireshark takes a TCP connection between two ports for
// another protocol's, unless its "Try heuristic sub-dissectors first" is on, and
// whether it finds SIP there over UDP. It asks the lower port first.
func claimed(a, b uint16) (is, udp bool) {
	if a > b {
		a, b = b, a
	}
	low, high := in(claimedTCP, a), a != 5060 && in(claimedTCP, b)
	switch {
	case low && high:
		return true, false
	case low:
		return true, !in(claimedUDP, a) && in(listens, b)
	}
	return high, high && !in(claimedUDP, b) && in(listens, a)
}

func in(ranges []portRange, port uint16) bool {
	_, ok := slices.BinarySearchFunc(ranges, port, func(r portRange, p uint16) int {
		switch {
		case p < r.from:
			return 1
		case p > r.to:
			return -1
		}
		return 0
	})
	return ok
}
