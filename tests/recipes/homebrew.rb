# homebrew.rb RECIPE SOURCE PREFIX - install and test of a formula, without Homebrew: what formulae
# call is made here, and does what Homebrew says of it.

require "pathname"

class Formula
  @@facts = {}
  class << self
    attr_reader :tested

    %i[desc homepage url sha256 license].each { |fact| define_method(fact) { |x| @@facts[fact] = x } }
    def depends_on(*) = nil
    def uses_from_macos(*) = nil
    def test(&block) = @tested = block
    def facts = @@facts
  end

  attr_reader :prefix, :testpath

  def initialize(prefix, testpath)
    @prefix = Pathname(prefix)
    @testpath = Pathname(testpath)
  end

  def bin = prefix/"bin"
  def version = self.class.facts[:url][/-([0-9.]+)\.tar\.gz/, 1]

  def system(*words)
    Kernel.system(*words.map(&:to_s)) or raise "#{words.join(" ")}: fails"
  end

  def shell_output(line)
    said = `#{line}`
    raise "#{line}: fails" unless $?.success?
    said
  end

  def assert_match(wanted, text)
    raise "no #{wanted} in #{text}" unless text.include?(wanted)
  end
end

def ENV.cc = fetch("CC", "cc")

recipe, source, prefix = ARGV.map { |path| File.expand_path(path) }
load recipe
%i[desc homepage url sha256 license].each { |f| raise "no #{f}" unless Formula.facts[f] }
# As `brew audit` asks for.
desc = Formula.facts[:desc]
raise "desc: #{desc}" if desc.size > 80 || desc =~ /\A(A|An|The) / || desc.end_with?(".")
testpath = "#{prefix}-test"
Dir.mkdir(testpath)
formula = Gwt.new(prefix, testpath)
Dir.chdir(source) { formula.install }
ENV["PATH"] = "#{formula.bin}:#{ENV["PATH"]}"
Dir.chdir(testpath) { formula.instance_eval(&Gwt.tested) }
