/* Two images: distance, threshold, verdict; what a threshold rests on; every message. */
#include "tests/runtime/use/use_test.h"

#define COMPARE "\"$GRAPHRUN\" compare-images mean.plan.xml --weights=w.safetensors "
#define QUERY7 "hand/query/0007_c1s1_000001_01.bmp "
#define SAME "hand/bounding_box_test/0007_c2s1_000001_01.bmp "
#define OTHER "hand/bounding_box_test/0009_c2s1_000001_01.bmp "

/* Of 14 pairs of two people the nearest are 0.0523, 0.0664, 0.1065, 0.1065: two lie within a rate
 * of 0.2.  Of 6 pairs of one person by two cameras two lie within 0.1: 0.0050. */
static void test_by_hand(void) {
  static const char rests[] = "14.2857 % of 14 pairs of two people of hand lie within,\n"
                              "          at most 20 % were to; so do 33.33 % of 6 pairs of one "
                              "person by two cameras\n          (3 people";
  CU_ASSERT(
      use_prints("distance", shell(COMPARE QUERY7 SAME), 0, PARTS("distance  0.004963  hand/")));
  Shell s = shell(COMPARE QUERY7 SAME "--calibrate=hand --fpr=0.2 -o t.json");
  CU_ASSERT_PTR_NOT_NULL(strstr(s.err, "hand: warning: the threshold rests on 2 of 14 pairs"));
  CU_ASSERT(
      use_prints("same", s, 0, PARTS("threshold 0.1064", rests, "verdict   the same person\n")));
  CU_ASSERT(use_prints("stored", shell(COMPARE QUERY7 OTHER "--threshold=t.json"), 0,
                       PARTS("distance  0.106466", rests, "verdict   two people\n")));
  CU_ASSERT(
      use_prints("number", shell(COMPARE QUERY7 OTHER "--threshold=0.2"), 0,
                 PARTS("threshold 0.200000, as it was given\n", "verdict   the same person")));
  /* Pairs at the very threshold, here of colours that share nothing, are none of those within. */
  CU_ASSERT(use_prints(
      "at the threshold",
      shell(COMPARE QUERY7 "hand/query/0009_c1s1_000001_01.bmp --calibrate=hand "
                           "--fpr=0.7"),
      0, PARTS("distance  1.000000", "threshold 1.000000: 64.2857 %", "verdict   two people\n")));
  CU_ASSERT(use_prints("itself", shell(COMPARE QUERY7 QUERY7 "--threshold=0"), 0,
                       PARTS("distance  0.000000", "verdict   the same person")));
}

/* A set's features do as well as its images, and a threshold may be made for later. */
static void test_features(void) {
  shell_must("\"$GRAPHRUN\" extract mean.plan.xml --weights=w.safetensors --data=hand "
             "-o f.safetensors && " COMPARE "--calibrate=hand --fpr=0.2 -o a.json && " COMPARE
             "--calibrate=f.safetensors --fpr=0.2 --threads=2 -o b.json && "
             "sed 's/f.safetensors/hand/' b.json | cmp - a.json");
}

static void test_refused(void) {
  use_weights("w2.safetensors", 1, 2, 1);
  USE_REFUSED(1, "compare-images mean.plan.xml --weights=w.safetensors --calibrate=hand -o t.json",
              "hand: error: has 14 pairs of two people: a rate of 0.001 is less than one",
              "a larger --fpr");
  USE_REFUSED(
      1, "compare-images mean.plan.xml --weights=w.safetensors --calibrate=" QUERY7 "-o t.json",
      "error: has no pair of two people");
  USE_REFUSED(2, "compare-images mean.plan.xml --weights=w.safetensors", "none are named");
  USE_REFUSED(2, "compare-images mean.plan.xml --weights=w.safetensors " QUERY7, "one is named");
  USE_REFUSED(2, "compare-images mean.plan.xml " QUERY7 SAME, "--weights: error: is missing");
  USE_REFUSED(2, "compare-images mean.plan.xml --weights=w.safetensors " QUERY7 SAME "--fpr=0.1",
              "--fpr is of the threshold");
  USE_REFUSED(2,
              "compare-images mean.plan.xml --weights=w.safetensors " QUERY7 SAME
              "--calibrate=hand --fpr=2",
              "--fpr: error: '2' is no rate");
  USE_REFUSED(2,
              "compare-images mean.plan.xml --weights=w.safetensors " QUERY7 SAME
              "--calibrate=hand --threshold=1",
              "--calibrate makes a threshold");
  USE_REFUSED(2, "compare-images mean.plan.xml --weights=w.safetensors " QUERY7 SAME "-o t.json",
              "-o is for the threshold");
  USE_REFUSED(2,
              "compare-images mean.plan.xml --weights=w.safetensors " QUERY7 SAME "--threshold=3",
              "'3' is no distance");
  USE_REFUSED(
      1, "compare-images mean.plan.xml --weights=w.safetensors " QUERY7 SAME "--threshold=mean.xml",
      "mean.xml: error: cannot be read");
  USE_REFUSED(
      1, "compare-images mean.plan.xml --weights=w2.safetensors " QUERY7 SAME "--threshold=a.json",
      "a.json: error: is a threshold for other weights");
  /* The same weights describe images otherwise in another model. */
  shell_must("sed 's/gain . gain/gain/' mean.xml >once.xml && \"$GRAPHC\" once.xml >/dev/null");
  USE_REFUSED(
      1, "compare-images once.plan.xml --weights=w.safetensors " QUERY7 SAME "--threshold=a.json",
      "a.json: error: is a threshold for another model");
  /* Infinity over infinity is no distance, and no feature to keep. */
  use_weights("huge.safetensors", 3e38f, 3e38f, 1);
  USE_REFUSED(4, "compare-images mean.plan.xml --weights=huge.safetensors " QUERY7 SAME,
              "c1s1_000001_01.bmp: error: its feature is not finite", "output is not usable");
  USE_REFUSED(4, "extract mean.plan.xml --weights=huge.safetensors --data=hand -o h.npy",
              "error: its feature is not finite");
  USE_REFUSED(1, "compare-images mean.plan.xml --weights=w.safetensors " QUERY7 "mean.xml",
              "mean.xml: error: the image is no JPEG");
}

int main(void) {
  static const SupportTest tests[] = {{"preparations", use_prepare},
                                      {"by hand", test_by_hand},
                                      {"features", test_features},
                                      {"messages", test_refused}};
  return support_run("compare images", tests, sizeof tests / sizeof *tests);
}
