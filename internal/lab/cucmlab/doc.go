// Package cucmlab is a CUCM cluster in this process: several nodes on loopback, each with
// the SOAP services of a real one (RISPort70, PerfMon, Log Collection, DimeGetFile, AXL)
// behind TLS and Basic authentication, and with Tomcat's manners. `grab demo` and the tests
// run on it.
//
// It guarantees that what it says is what is so: devices, lines and counters follow from the
// happenings of a laboratory Site (package mra), the syslogs and the alert log are written
// from the same, and a reset over AXL is one of the Site's phone. What a client asked is
// written down ([Cluster.Requests]). All that can go wrong is switched by [Faults], by
// scenario, while it runs. What it starts, Close waits for.
//
// The shapes follow public documents and clients, and were never compared with a real CUCM
// (docs/cucm.md). It reads requests as strictly as the interface is described: an element
// in the wrong place is a fault. It does not know the rest of grab, least of all the client;
// it listens on loopback addresses only.
package cucmlab
