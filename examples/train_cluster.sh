#!/usr/bin/env bash
# Trains the digits on a cluster of processes on this machine: a chief, two workers, two parameter servers and an
# evaluator, each of which learns from TF_CONFIG who it is, as tasks on machines of their own do.
#
#   examples/train_cluster.sh --model_dir=digits_cluster --checkpoint_style=both
#
# The flags are those of train_digits.py. Each line of output begins with the task that it is from. PYTHON names the
# interpreter, python by default.
set -euo pipefail

folder=$(dirname "${BASH_SOURCE[0]}")
python=${PYTHON:-python}
workers=2 servers=2

for flag; do
  case $flag in
    --help | -help | --helpfull | --helpshort | '-?')
      sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      echo
      "$python" "$folder/train_digits.py" "$flag" || [ $? = 1 ]  # absl's exit code of help.
      exit
      ;;
  esac
done

# Free ports of this machine: that of the chief, of the workers, and of the parameter servers.
read -ra ports < <("$python" - $((1 + workers + servers)) <<'PYTHON_END'
import socket, sys

sockets = [socket.create_server(('localhost', 0)) for _ in range(int(sys.argv[1]))]
print(*(one.getsockname()[1] for one in sockets))
PYTHON_END
)

addresses() {  # addresses FIRST NUMBER
  local list
  list=$(printf '"localhost:%s", ' "${ports[@]:$1:$2}")
  printf '[%s]' "${list%, }"
}

cluster="{\"chief\": $(addresses 0 1), \"worker\": $(addresses 1 $workers), \"ps\": $(addresses $((1 + workers)) $servers)}"

start() {  # start TYPE INDEX FLAGS...
  local type=$1 index=$2
  shift 2
  TF_CONFIG="{\"cluster\": $cluster, \"task\": {\"type\": \"$type\", \"index\": $index}}" \
    "$python" "$folder/train_digits.py" "$@" > >(sed -u "s/^/$type $index: /") 2>&1 &
}

trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
trap 'exit 130' INT TERM

start chief 0 "$@"
start evaluator 0 "$@"
for ((index = 0; index < workers; index++)); do start worker "$index" "$@"; done
for ((index = 0; index < servers; index++)); do start ps "$index" "$@"; done

# All but the parameter servers end by themselves. Where one task fails, the others would wait for it for ever.
for ((ended = 0; ended < 2 + workers; ended++)); do
  wait -n || exit
done
