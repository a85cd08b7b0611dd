package advice

// Asker is who may ask a running watcher on that system.
func Asker(goos string) string {
	who := "as root or as the service's user"
	if goos == "windows" {
		who = "in a prompt that was opened with \"Run as administrator\""
	}
	return "ask " + who + ", or as a member of socket.group"
}

// Start is how the watcher is started on that system, and where it says what is wrong.
func Start(goos string) string {
	if goos == "windows" {
		return "start it (`grab service start`, or `grab watch`) and read its log (Event Viewer, Application, source grab)"
	}
	return "start it (systemctl start grab, or `grab watch`) and read its log (journalctl -u grab)"
}

// Silent is what is done about a watcher that runs and does not answer.
func Silent(goos string) string {
	if goos == "windows" {
		return "an alert would not be seen if it hangs: read its log (Event Viewer, Application, source grab), then restart it (`grab service stop`, `grab service start`)"
	}
	return "an alert would not be seen if it hangs: is this machine overloaded? Read its log (journalctl -u grab), then restart it (systemctl restart grab)"
}
