#!/bin/sh
# Runs that are killed or stopped and go on: the same bytes as uninterrupted ones.
# Arguments: [SYNCLINE [SOURCE_ROOT]], see cli.sh.
. "$(dirname "$0")/cli.sh"

works "a run" train base.yaml --out one
long="--set train.epochs=30 --set train.checkpoint.every_steps=5"
# shellcheck disable=SC2086
works "uninterrupted" train base.yaml $long --out whole
works "resume when done" train --resume whole
says "resume when done" "training   had ended; --set train.epochs=N would go on"
cp -r whole done
works "resume when done, again" train --resume done
same "resume when done" whole/weights.safetensors done/weights.safetensors
same "resume when done" whole/history.csv done/history.csv
cat >stop.py <<'END'
"""stop.py SIGNAL OUT RESUME SECONDS COMMAND...: sends the signal SECONDS after the first checkpoint."""
import os, signal, subprocess, sys, time
number, out, seconds = getattr(signal, sys.argv[1]), sys.argv[2], float(sys.argv[3])
signal.signal(signal.SIGINT, signal.default_int_handler)
p = subprocess.Popen(sys.argv[4:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
state = os.path.join(out, "state.safetensors")
before = os.stat(state).st_mtime_ns if os.path.exists(state) else 0
while p.poll() is None and not (os.path.exists(state) and os.stat(state).st_mtime_ns != before):
    time.sleep(.002)
time.sleep(seconds)
if p.poll() is None:
    p.send_signal(number)
text = p.communicate()[0]
print(text, end="")
sys.exit(128 - p.returncode if p.returncode < 0 else p.returncode)
END
killed=0
for pause in 0 0.013 0.05 0.11; do
    if [ $killed -eq 0 ]; then
        # shellcheck disable=SC2086
        python3 stop.py SIGKILL kill $pause "$syncline" train base.yaml $long --out kill >out
    else
        python3 stop.py SIGKILL kill $pause "$syncline" train --resume kill >out
    fi
    [ $? -eq 137 ] && killed=$((killed + 1))
done
check "a run was killed" test $killed -gt 0
: >kill/state.safetensors.1-0.tmp
works "resume after kill" train --resume kill
check "resume clears what was half written" sh -c '! ls kill | grep -q "[.]tmp$"'
same "resume after kill" whole/weights.safetensors kill/weights.safetensors
cut -d, -f1-7 whole/history.csv >a.csv
cut -d, -f1-7 kill/history.csv >b.csv
same "history after kill" a.csv b.csv
# shellcheck disable=SC2086
python3 stop.py SIGINT break 0.03 "$syncline" train base.yaml $long --out break >out
check "Ctrl-C: exit 130" test $? -eq 130
says "Ctrl-C" "go on with: syncline train --resume break"
check "Ctrl-C: no summary yet" test ! -e break/summary.json
works "evaluate a stopped run" evaluate break
works "resume after Ctrl-C" train --resume break
says "resume after Ctrl-C" "break, going on"
same "resume after Ctrl-C" whole/weights.safetensors break/weights.safetensors
rm -rf early
mkdir early
cp whole/experiment.yaml early
works "resume before the first checkpoint" train --resume early
same "resume before the first checkpoint" whole/weights.safetensors early/weights.safetensors
works "a search" train base.yaml --set train.optimizer=lbfgs --set train.batch=all --set train.epochs=6 --out search
works "a search that stops" train base.yaml --set train.optimizer=lbfgs --set train.batch=all --set train.epochs=6 --set train.steps=2 --out search2
works "a search that goes on" train --resume search2 --set train.steps=6
same "resume of a search" search/weights.safetensors search2/weights.safetensors
works "resume with more epochs" train --resume one --set train.epochs=4
check "resume with more epochs" test "$(wc -l <one/history.jsonl)" -eq 4

# ---- nothing is lost by going on wrongly ----
cp -r one kept
for wrong in model.dense_1.units=20 train.optimizer=sgd train.batch=7 train.dtype=double; do
    refuses "going on otherwise" 1 "kept/state.safetensors: " train --resume kept --set $wrong --set train.epochs=9
    check "a refused resume leaves the folder as it was: $wrong" diff -r one kept
done
works "and it goes on" train --resume kept --set train.epochs=5

# ---- one folder, two processes ----
"$syncline" train base.yaml --out busy --set train.epochs=100000 >out 2>&1 &
busy=$!
n=0
until [ -e busy/state.safetensors ] || [ $n -eq 600 ]; do sleep .1 && n=$((n + 1)); done
refuses "two in a folder" 1 "busy: another process is training in this folder" train --resume busy
refuses "two in a folder, anew" 1 "busy: another process is training in this folder" train base.yaml --out busy
kill -KILL $busy
wait $busy
rm busy/experiment.yaml busy/*.safetensors busy/history.*
works "the folder of a process that was killed is free" train base.yaml --out busy
finish
