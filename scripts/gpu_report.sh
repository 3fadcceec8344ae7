# Sourced by gpu.sh: runs the commands of its stages and writes the report. A stage has files in $parts: NAME.shown,
# what its commands found, NAME.commands, a row for each, and NAME.failed, the last lines of those that have not passed.
# shellcheck shell=bash disable=SC2154 # gpu.sh sets the options and the variables of the report

# Of each stage: its title and its row in the first table.
declare -A titles=() rows=()
# Names of stages.
order=() failures=()
# The current stage; the result of its last command; the row and the process of the command that is running.
stage='' result='' pending='' child=''

begin_report() {
  day=$(date --utc +%F)
  commit=$(git describe --always --dirty 2>/dev/null || echo unknown)
  mkdir -p "$(dirname "$report")"
  parts=$(mktemp -d)
  output=$parts/output
  trap 'rm -rf "$parts"' EXIT
  trap 'stop 129' HUP
  trap 'stop 130' INT
  trap 'stop 143' TERM
}

# note TEXT: a paragraph in the report of the current stage.
note() { printf '%s\n\n' "$1" | tee -a "$parts/$stage.shown"; }

# skip REASON: leaves the current stage out.
skip() {
  stage_result=skipped
  note "$1"
}

# columns NAME...: begins the table of which the following commands show rows.
columns() {
  [[ ! $dry_run ]] || return 0
  { printf '| %s ' "$@" && printf '|\n' && printf '|---%.0s' "$@" && printf '|\n'; } >>"$parts/$stage.shown"
}

# in_shell WORD...: the words as a line of a shell script.
in_shell() {
  local word line=
  for word in "$@"; do
    [[ $word =~ ^[a-zA-Z0-9_./:=,+-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
    line+="${line:+ }$word"
  done
  printf '%s\n' "$line"
}

# run SHOW COMMAND...: runs a command of the current stage in the time that is left to it, and adds it to the report
# with what SHOW makes of its output. Sets `result`.
run() {
  local show=$1 status=0 begin=$SECONDS left shown=0
  shift
  if [[ $dry_run ]]; then
    in_shell "$@"
    return
  fi
  row="| \`$(in_shell "$@" | sed 's/|/\\|/g')\` |"
  left=$((deadline - SECONDS))
  result='not run'
  : >"$output"
  if ((left > 0)); then
    pending="$row is running | |"
    write_report
    say "$(in_shell "$@")" | tee -a "$log"
    timeout --kill-after=5 "$left" "$@" </dev/null >"$output" 2>&1 &
    child=$!
    tail --lines=+1 --follow --sleep-interval=0.02 --pid=$child "$output" &
    wait "$child" || status=$?
    wait
    child=
    cat "$output" >>"$log"
    "$show" "$@" <"$output" >>"$parts/$stage.shown" || shown=1
    result=$(result_of "$status" "$shown" "$show" $((deadline - SECONDS)))
  fi
  end_command "$result" $((SECONDS - begin))
}

# result_of STATUS SHOWN SHOW LEFT
result_of() {
  if (($1 == 0 && $2 == 0)); then
    echo passed
  elif (($1 == 124 || ($1 == 137 && $4 <= 0))); then
    echo 'timed out'
  elif [[ $3 == show_step ]] && grep -q 'out of memory\|STATUS_ALLOC_FAILED' "$output"; then
    echo 'does not fit'
  else
    echo failed
  fi
}

# end_command RESULT SECONDS: adds the current command to the report, with its last lines if it has failed.
end_command() {
  pending=
  printf '%s %s | %s |\n' "$row" "$1" "$2" >>"$parts/$stage.commands"
  if [[ $1 != passed && $1 != 'does not fit' ]]; then
    stage_result=${stage_result/passed/$1}
    { printf '\nThe last lines of a command (%s):\n\n' "$1" && tail --lines=20 "$output" | show_lines; } \
      >>"$parts/$stage.failed"
  fi
  [[ $1 == passed ]] || say "$1" | tee -a "$log"
  write_report
}

# run_stage NAME LIMIT TITLE
run_stage() {
  local begin=$SECONDS end=$((60 * minutes - 5))
  stage=$1
  stage_result=passed
  deadline=$((SECONDS + $2 < end ? SECONDS + $2 : end))
  say "$stage, at most $2 s: $3"
  if [[ $dry_run ]]; then
    "stage_$stage"
    return
  fi
  titles[$stage]=$3
  order+=("$stage")
  rows[$stage]="| $stage | $3 | is running | | $2 |"
  "stage_$stage"
  rows[$stage]="| $stage | $3 | $stage_result | $((SECONDS - begin)) | $2 |"
  [[ $stage_result == passed || $stage_result == skipped ]] || failures+=("$stage")
  write_report
}

# write_report: replaces the report by one of everything so far.
write_report() {
  local name
  {
    printf '# Glow on a GPU\n\n%s, commit %s:\n\n    %s\n' "$day" "$commit" "$call"
    [[ ! $prefix ]] || printf '\nIn the environment: CMAKE_PREFIX_PATH=%s LD_LIBRARY_PATH=%s\n' \
      "$CMAKE_PREFIX_PATH" "$LD_LIBRARY_PATH"
    printf '\n| stage | shows | result | seconds | at most |\n|---|---|---|---|---|\n'
    for name in "${order[@]}"; do printf '%s\n' "${rows[$name]}"; done
    for name in "${order[@]}"; do
      printf '\n## %s: %s\n\n' "$name" "${titles[$name]}"
      [[ ! -f $parts/$name.shown ]] || cat "$parts/$name.shown"
      printf '\n| command | result | seconds |\n|---|---|---|\n'
      [[ ! -f $parts/$name.commands ]] || cat "$parts/$name.commands"
      [[ $name != "$stage" || ! $pending ]] || printf '%s\n' "$pending"
      [[ ! -f $parts/$name.failed ]] || cat "$parts/$name.failed"
    done
  } >"$report.new"
  mv "$report.new" "$report"
}

# stop STATUS: ends the script at a signal.
stop() {
  trap '' HUP INT TERM
  [[ ! $child ]] || kill "$child" 2>/dev/null || true
  [[ ! $stage ]] || rows[$stage]=${rows[$stage]/is running/interrupted}
  [[ ! $pending ]] || end_command interrupted ''
  say "interrupted; the report of the stages so far: $report"
  exit "$1"
}

# What the report says of a command: functions that read its output and have its words as arguments. Where they fail,
# the command counts as failed.

show_nothing() { :; }

show_lines() { sed 's/^/    /'; }

# GoogleTest's summary. A skipped test is a failure, since it found no GPU.
show_tests() {
  awk '
    /^\[  PASSED  \]/ { passed = $4 }
    /^\[  FAILED  \] [0-9]+ test/ { failed = $4 }
    /^\[  SKIPPED \] [0-9]+ test/ { skipped = $4 }
    /^========= .*(ERROR|RACECHECK) SUMMARY/ { sub(/^=+ /, ""); summary = ", " $0 }
    END {
      printf "%d tests passed, %d failed, %d skipped%s.\n\n", passed, failed, skipped, summary
      exit passed == 0 || failed + skipped > 0
    }'
}

# flag NAME WORD...: the value of a flag among the words.
flag() {
  local name=$1
  while (($#)); do
    [[ $1 != "--$name" ]] || printf %s "${2-}"
    shift
  done
}

show_step() {
  awk -v row="| $(flag batch "$@") | $(flag precision "$@") | $(flag memory "$@") |" -v graph=no '
    /, CUDA graph,/ { graph = "yes" }
    $1 == "training" || $1 == "log_prob" || $1 == "sampling" { rates = rates " " $2 " | " $4 " |" }
    $1 == "bytes_between_steps:" || $1 == "bytes_of_a_step_beyond:" { memory = memory " " $2 " " $3 " |" }
    $1 == "launches_of_a_step:" { launches = $2 }
    $1 == "launches_of_a_flow_step:" { of_flow_step = $2 }
    END { if (rates) print row " " graph " |" rates memory " " launches " | " of_flow_step " |" }'
}

show_kernels() {
  awk -v row="$(flag precision "$@") | $(flag batch "$@") |" '
    $1 ~ /\/real_time$/ {
      fields = split($1, field, "/")
      line = "| " field[1] " | " row
      for (i = 2; i < fields; ++i) { sub(/^.*:/, "", field[i]); line = line " " field[i] " |" }
      line = line " " $2 " " $3 " |"
      if (match($0, /FLOP\/s=[^ \/]*/)) line = line " " substr($0, RSTART + 7, RLENGTH - 7) " |"
      print line
    }'
}
