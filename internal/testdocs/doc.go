// Package testdocs reads the project's documents for tests: their fenced blocks, the
// commands in those and in the lines of text, links and anchors.
//
// What becomes of a block is said by its first line, of which a reader sees nothing:
//
//	```sh                        it is run, line by line as it stands
//	```console                   a session: what stands behind $ is run, and has to say the rest
//	```yaml                      a part of grab.yaml: it is loaded
//	```sh tested-by="TestName"   another test runs it
//	```sh not-run="reason"       it is not run; reason says why that cannot be done
//
// The last two hold for all of them. Blocks of the other languages that Known names are not
// run. TestDocuments and TestDocumentsRun of cmd/grab do all that; whatever becomes of a
// block, each command of grab in it is one that there is, with its flags and arguments.
//
// It knows as much of Markdown and of the shell as the documents need: a block, link or
// quotation that it does not understand is a fault of the document.
package testdocs
