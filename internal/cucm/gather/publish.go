package gather

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
)

// The files of names in a bundle.
const (
	NamesJSON = "cucm/partial-phones.json"
	NamesCSV  = "cucm/partial-phones.csv"
)

// publish puts what is known of phones beside the incident's logs.
func (j *job) publish() {
	j.mu.Lock()
	defer j.mu.Unlock()
	doc := j.document()
	j.state.Names = doc
	j.save()
	var change material.Change
	for _, c := range doc.Clusters {
		change.CUCM = append(change.CUCM, evidence.CUCM{Cluster: c.Cluster, Names: rowOf(c)})
	}
	for _, e := range j.site.Entries {
		if !e.Names {
			change.CUCM = append(change.CUCM, evidence.CUCM{Cluster: e.Cluster.Name()})
		}
	}
	for i := range change.CUCM {
		change.CUCM[i].Admin = j.phonePage(change.CUCM[i].Cluster)
	}
	folder := material.Of(j.g.Store, j.key)
	for name, text := range map[string][]byte{NamesJSON: jsonOf(doc), NamesCSV: doc.CSV()} {
		in, err := put(folder, name, text)
		if err != nil {
			j.untold = atomicfile.Full(err)
			j.g.log().Warn("the names of partial phones cannot be written", "incident", j.in.ID, "err", err)
			return
		}
		change.Files = append(change.Files, in)
	}
	err := folder.Add(j.g.now(), change)
	j.untold = atomicfile.Full(err)
	switch {
	case errors.Is(err, incident.ErrRemoved):
	case err != nil:
		j.g.log().Warn("the names of partial phones cannot be added", "incident", j.in.ID, "err", err)
	case j.g.Named != nil:
		j.g.Named(j.key)
	}
}

// roomEvery is how often it is tried whether the disk has room for names again.
var roomEvery = time.Minute

// publishAgain publishes what a full disk had no room for, when there is room.
func (j *job) publishAgain(ctx context.Context) {
	for {
		j.mu.Lock()
		untold := j.untold
		j.mu.Unlock()
		if !untold || j.g.now().Sub(j.in.Asked.Until) > resumeWithin || !j.g.sleepUntil(ctx, j.g.now().Add(roomEvery)) {
			return
		}
		if j.g.Room == nil || j.g.Room(1<<20) == nil {
			j.publish()
		}
	}
}

// phonePage is a cluster's page of phones, where problem reports are asked for.
func (j *job) phonePage(cluster string) string {
	for _, e := range j.site.Entries {
		if e.Cluster.Name() == cluster {
			return "https://" + e.Cluster.Publisher().Address + "/ccmadmin/phoneFindList.do"
		}
	}
	return ""
}

// document is what is known of all clusters that are asked for names.
func (j *job) document() evidence.PartialPhones {
	doc := evidence.PartialPhones{Clusters: []evidence.ClusterPhones{}}
	for _, e := range j.site.Entries {
		if e.Names {
			doc.Clusters = append(doc.Clusters, judge(e.Cluster.Name(), *j.state.Clusters[e.Cluster.Name()], j.state.Seen, j.site.C))
		}
	}
	return doc
}

func put(folder material.Folder, name string, text []byte) (material.Incoming, error) {
	w, err := folder.Create(name)
	if err != nil {
		return material.Incoming{}, err
	}
	if _, err := w.Write(text); err != nil {
		w.Abort()
		return material.Incoming{}, err
	}
	return w.Finish()
}

func jsonOf(doc evidence.PartialPhones) []byte {
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return []byte("{}\n") // not of such fields
	}
	return append(b, '\n')
}
