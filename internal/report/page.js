
"use strict";
(function () {
  var form = document.getElementById("search");
  var el = function (id) { return document.getElementById(id); };

  // A link to a phone opens its section, and shows it if the filter hides it.
  function reveal(id) {
    var target = el(id);
    if (!target || !target.classList.contains("phone")) return;
    if (target.hidden) {
      el("q").value = el("v").value = el("k").value = "";
      el("a").checked = false;
      apply();
    }
    target.open = true;
    target.scrollIntoView();
    target.firstElementChild.focus({ preventScroll: true });
  }

  // On paper nothing can be opened: who is affected is printed.
  var opened = [];
  window.addEventListener("beforeprint", function () {
    opened = Array.prototype.slice.call(document.querySelectorAll("details.more, .group details.who")).filter(function (d) { return !d.open; });
    opened.forEach(function (d) { d.open = true; });
  });
  window.addEventListener("afterprint", function () {
    opened.forEach(function (d) { d.open = false; });
  });
  if (!form) return;

  var phones = Array.prototype.slice.call(document.querySelectorAll(".phone"));
  var lanes = {};
  document.querySelectorAll("#plot [data-p]").forEach(function (l) { lanes[l.dataset.p] = l; });
  phones.forEach(function (p) {
    p.find = p.dataset.s + "\n" + p.dataset.s.replace(/[:.\-]/g, "");
    p.kinds = p.dataset.k.split(" ");
  });

  function matches(p, words, verdict, kind, affected) {
    if (verdict && p.dataset.v !== verdict) return false;
    if (affected && !p.dataset.a) return false;
    if (kind && p.kinds.indexOf(kind) < 0) return false;
    return words.every(function (w) {
      if (p.find.indexOf(w) >= 0) return true;
      var bare = w.replace(/[:.\-]/g, "");
      return /^[0-9a-f]{4,}$/.test(bare) && p.find.indexOf(bare) >= 0;
    });
  }

  function apply() {
    var words = el("q").value.toLowerCase().split(/\s+/).filter(Boolean);
    var verdict = el("v").value, kind = el("k").value, affected = el("a").checked, n = 0;
    phones.forEach(function (p) {
      var yes = matches(p, words, verdict, kind, affected);
      if (yes) n++;
      p.hidden = !yes;
      var lane = lanes[p.dataset.p];
      if (lane) lane.hidden = !yes;
    });
    document.querySelectorAll("#list [data-k].t, #list [data-k].skip").forEach(function (t) {
      t.hidden = kind !== "" && t.dataset.k.split(" ").indexOf(kind) < 0;
    });
    el("found").textContent = n === phones.length ? n + (n === 1 ? " phone" : " phones") : n + " of " + phones.length + " phones";
    el("none").hidden = n > 0;
  }

  // The state stands in the address, so that a view can be handed on.
  function state() {
    var s = new URLSearchParams();
    if (el("q").value) s.set("q", el("q").value);
    if (el("v").value) s.set("v", el("v").value);
    if (el("k").value) s.set("k", el("k").value);
    if (el("a").checked) s.set("a", "1");
    return s.toString();
  }
  function save() {
    try { history.replaceState(null, "", "#" + state()); } catch (e) { /* the address stays as it is */ }
  }
  function load() {
    var hash = location.hash.slice(1);
    if (/^phone-/.test(hash)) { reveal(hash); return; }
    if (!/^[qvka]=/.test(hash)) return;
    var s = new URLSearchParams(hash);
    el("q").value = s.get("q") || "";
    el("v").value = s.get("v") || "";
    el("k").value = s.get("k") || "";
    el("a").checked = s.get("a") === "1";
    apply();
    form.scrollIntoView();
  }

  var wait = 0;
  el("q").addEventListener("input", function () {
    clearTimeout(wait);
    wait = setTimeout(function () { apply(); save(); }, 80);
  });
  ["v", "k", "a"].forEach(function (id) {
    el(id).addEventListener("change", function () { apply(); save(); });
  });
  form.addEventListener("submit", function (e) { e.preventDefault(); apply(); save(); });
  form.addEventListener("reset", function () { setTimeout(function () { apply(); save(); }, 0); });
  function openAll(open) {
    phones.forEach(function (p) { if (!p.hidden) p.open = open; });
  }
  el("open").addEventListener("click", function () { openAll(true); });
  el("shut").addEventListener("click", function () { openAll(false); });
  window.addEventListener("hashchange", load);
  document.addEventListener("click", function (e) {
    var a = e.target.closest && e.target.closest('a[href^="#phone-"]');
    if (a && a.getAttribute("href") === location.hash) reveal(location.hash.slice(1));
  });

  form.hidden = false;
  apply();
  load();
})();
