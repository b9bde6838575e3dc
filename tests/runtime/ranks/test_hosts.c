/* Ranks on two hosts: network namespaces with a cable between them.  The same bytes as one process,
 * and an end for both when the cable is cut. */
#include "tests/shell.h"

#define SIZES "-D width=8 -D height=32 -D image_width=16 -D batch_ids=4 -D batch_images=2"
#define NET                                                                                        \
  "--mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 "                                      \
  "--mca oob_tcp_if_include 10.77.0.0/24"

/* Names of the namespaces hold the test's process, so that two runs do not meet. */
static bool make_hosts(void) {
  Shell s = shell(
      "a=gr$PPID-a; b=gr$PPID-b; [ -d /run/netns ] && new= || new=1; echo \"a=$a; b=$b; new=$new\" "
      "> hosts; "
      "ip netns add $a && ip netns add $b && "
      "ip link add v0 netns $a type veth peer name v0 netns $b && "
      "ip -n $a addr add 10.77.0.1/24 dev v0 && ip -n $b addr add 10.77.0.2/24 dev v0 && "
      "for n in $a $b; do ip -n $n link set v0 up && ip -n $n link set lo up || exit 1; done");
  bool made = s.code == 0;
  if (!made) printf("skipped: network namespaces cannot be made here: %s", s.err);
  shell_free(&s);
  return made;
}

/* The first namespace of a machine leaves a mount, which goes with the last. */
static void remove_hosts(void) {
  Shell s = shell(". ./hosts; ip netns del $a; ip netns del $b; "
                  "[ -z \"$new\" ] || { umount /run/netns; rmdir /run/netns; }");
  shell_free(&s);
}

/* mpirun starts its part on another host through this. */
static void prepare(void) {
  shell_must("printf '#!/bin/sh\\n. %%s/hosts; h=$1; shift; case $h in 10.77.0.1) n=$a;; *) n=$b;; "
             "esac\\nexec ip netns exec $n sh -c \"$*\"\\n' \"$PWD\" > agent && chmod +x agent");
  shell_must("$GRAPHRUN synth s --seed=1 --domains=3 --ids=8 --test-ids=2 --cameras=2 --images=2\n"
             "$GRAPHRUN check-data s/synth.domains --defines > d.defs\n"
             "for n in 1 2; do $GRAPHC $TOP/models/cdvm_small.xml -D @d.defs " SIZES
             " --ranks=$n -o p$n.xml || exit 1; done");
}

#define ON_TWO                                                                                     \
  ". ./hosts; root=; [ $(id -u) != 0 ] || root=--allow-run-as-root; "                              \
  "ip netns exec $a mpirun $root --mca plm_rsh_agent \"$PWD/agent\" " NET                          \
  " --host 10.77.0.1:1,10.77.0.2:1 --bind-to none $GRAPHRUN train p2.xml --data=s/synth.domains "  \
  "--seed=3 --threads=1 --workers=1 "

static void same_bytes(void) {
  prepare();
  shell_must(
      "$GRAPHRUN train p1.xml --data=s/synth.domains --seed=3 --threads=1 --steps=8 --out=one");
  shell_must(ON_TWO "--steps=8 --out=two");
  shell_must("cmp one/checkpoint.safetensors two/checkpoint.safetensors && "
             "cmp one/metrics.jsonl two/metrics.jsonl");
}

/* mpirun itself waits for its part on the host that is gone; the ranks do not. */
static void the_cable_is_cut(void) {
  Shell s =
      shell("(" ON_TWO "--steps=4000 --checkpoint-every=5 --out=cut --rank-timeout=3) "
            "2> run.err & . ./hosts; "
            "for i in $(seq 600); do [ -s cut/checkpoint.safetensors.prev ] && break; sleep 0.1; "
            "done; ip -n $b link set v0 down; "
            "ranks() { for p in /proc/[0-9]*; do case $(readlink $p/exe) in */graphrun) "
            "tr '\\0' '\\n' < $p/cmdline | grep -qx -e --out=cut && echo ${p#/proc/};; esac; "
            "done; }; "
            "[ $(ranks | wc -l) = 2 ] || exit 90; "
            "for i in $(seq 100); do [ -z \"$(ranks)\" ] && break; sleep 0.1; done; "
            "[ -z \"$(ranks)\" ] || exit 91; cat run.err >&2; "
            "for p in $(ip netns pids $a) $(ip netns pids $b); do kill -9 $p; done 2>/dev/null; "
            "exit 0");
  /* mpirun may notice before the ranks do, and end them. */
  bool told = strstr(s.err, "rank 1 did not come within 3 s") || strstr(s.err, "communication");
  CU_ASSERT_EQUAL(s.code, 0);
  CU_ASSERT(told);
  if (s.code != 0 || !told) printf("\nexit %d\n%s\n", s.code, s.err);
  shell_free(&s);
}

int main(void) {
  static const SupportTest tests[] = {{"same bytes", same_bytes},
                                      {"the cable is cut", the_cable_is_cut},
                                      {"the hosts go", remove_hosts}};
  if (!make_hosts()) {
    remove_hosts();
    support_clean();
    return 77;
  }
  return support_run("hosts", tests, 3);
}
