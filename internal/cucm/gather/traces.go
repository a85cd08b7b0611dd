package gather

import "context"

func (j *job) traces(ctx context.Context, e Entry) {}
