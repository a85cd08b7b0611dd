package sources

// Place is where a person finds a byte of a log: of one that was joined from several
// files, the file and the offset in it. It is exact as soon as the byte was read.
func (s *Set) Place(file string, offset int64) (string, int64) {
	at, ok := s.names[file]
	if !ok || !at.log.many || file != at.log.file {
		return file, offset
	}
	part, offset := at.log.place(offset)
	return part.name, offset
}
