package admin

import (
	"errors"
	"net/http"
)

func (s *Server) backup(w http.ResponseWriter, _ *http.Request) {
	if s.WriteBackup == nil {
		writeProblem(w, http.StatusNotFound, errors.New("this state can't be backed up"))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := s.WriteBackup(w); err != nil {
		panic(http.ErrAbortHandler) // whoever reads sees that it was cut
	}
}
